from __future__ import annotations

import logging
import multiprocessing
import os
import stat
from pathlib import Path

import pytest

from sandpiper.common.errors import SandpiperError
from sandpiper.peer.profile import Profile

KEY = "a" * 40
OTHER = "b" * 40
posix = pytest.mark.skipif(os.name != "posix", reason="POSIX permissions")
not_root = pytest.mark.skipif(hasattr(os, "geteuid") and os.geteuid() == 0, reason="root may do anything")


def test_an_identity_is_made_once_and_kept(tmp_path: Path) -> None:
    home = tmp_path / "a" / "b"
    first = Profile.at(home).signing_key
    assert Profile.at(home).signing_key == first
    assert bytes.fromhex((home / "identity.key").read_text().strip()) == first.encode()


@posix
def test_the_key_is_for_its_owner_alone(tmp_path: Path) -> None:
    Profile.at(tmp_path / "home")
    assert stat.S_IMODE((tmp_path / "home").stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "home" / "identity.key").stat().st_mode) == 0o600


@posix
def test_loose_permissions_are_tightened_and_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    key = Profile.at(tmp_path).signing_key
    (tmp_path / "identity.key").chmod(0o644)
    with caplog.at_level(logging.WARNING):
        assert Profile.at(tmp_path).signing_key == key
    assert stat.S_IMODE((tmp_path / "identity.key").stat().st_mode) == 0o600
    assert "could be read by others" in caplog.text
    caplog.clear()
    Profile.at(tmp_path)
    assert not caplog.records


def _public(folder: str, start: object, results: multiprocessing.Queue[bytes]) -> None:
    start.wait(30)  # type: ignore[attr-defined]
    results.put(Profile.at(Path(folder)).signing_key.verify_key.encode())


def test_processes_that_start_together_agree_on_the_identity(tmp_path: Path) -> None:
    spawn = multiprocessing.get_context("spawn")
    barrier, results = spawn.Barrier(3), spawn.Queue()
    workers = [spawn.Process(target=_public, args=(str(tmp_path / "p"), barrier, results)) for _ in range(3)]
    for worker in workers:
        worker.start()
    assert len({results.get(timeout=30) for _ in workers}) == 1
    for worker in workers:
        worker.join(30)
    results.close()
    results.join_thread()


@pytest.mark.parametrize("content", [b"", b"abcd", b"zz" * 32, b"\xff\xfe", b"ab" * 33])
def test_what_is_no_key_is_said_in_one_line(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "identity.key").write_bytes(content)
    (tmp_path / "identity.key").chmod(0o600)
    with pytest.raises(SandpiperError, match=r"identity") as caught:
        Profile.at(tmp_path)
    assert "\n" not in str(caught.value)
    assert content.decode("latin-1") not in str(caught.value) or not content


def test_a_folder_that_is_a_file_is_said_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SandpiperError, match="cannot use the identity key"):
        Profile.at(tmp_path / "file")


@posix
@not_root
def test_a_folder_that_cannot_be_written_is_said_in_one_line(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(SandpiperError, match="SANDPIPER_HOME"):
        Profile.at(tmp_path)


def test_pins_are_kept_and_replaced(tmp_path: Path) -> None:
    profile = Profile.at(tmp_path)
    assert profile.pinned("host:5000") is None
    profile.pin("host:5000", KEY)
    profile.pin("[::1]:5000", OTHER)
    assert profile.pinned("host:5000") == KEY
    assert Profile.at(tmp_path).pinned("[::1]:5000") == OTHER
    profile.pin("host:5000", OTHER)
    assert Profile.at(tmp_path).pinned("host:5000") == OTHER
    assert profile.fresh == ["host:5000", "[::1]:5000"]


def test_another_process_s_pins_are_seen(tmp_path: Path) -> None:
    one, two = Profile.at(tmp_path), Profile.at(tmp_path)
    one.pin("a:1", KEY)
    two.pin("b:1", OTHER)
    assert (one.pinned("b:1"), two.pinned("a:1")) == (OTHER, KEY)


def test_unreadable_pins_are_an_error_and_not_an_empty_list(tmp_path: Path) -> None:
    profile = Profile.at(tmp_path)
    (tmp_path / "known_brokers").mkdir()
    with pytest.raises(SandpiperError, match="cannot read the known brokers"):
        profile.pinned("a:1")
    with pytest.raises(SandpiperError):
        profile.pin("a:1", KEY)


def test_an_ephemeral_profile_keeps_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    profile = Profile.ephemeral()
    profile.pin("a:1", KEY)
    assert profile.pinned("a:1") == KEY
    assert profile.known_file is None
    assert profile.signing_key != Profile.ephemeral().signing_key
    assert list(tmp_path.iterdir()) == []


def test_the_default_is_the_platform_s_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import platformdirs

    monkeypatch.setattr(platformdirs, "user_data_path", lambda name, appauthor: tmp_path / name)
    assert Profile.default().folder == tmp_path / "sandpiper"


def test_an_identity_file_with_a_byte_order_mark_is_one(tmp_path: Path) -> None:
    first = Profile.at(tmp_path)
    file = tmp_path / "identity.key"
    file.write_bytes(b"\xef\xbb\xbf" + file.read_bytes())
    assert Profile.at(tmp_path).signing_key == first.signing_key
    file.write_bytes(file.read_text("utf-8-sig").encode("utf-16"))
    with pytest.raises(SandpiperError, match="is UTF-16"):
        Profile.at(tmp_path)
