from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandpiper.common.io.files import open_private, private_folder, write_private
from sandpiper.common.io.keyfile import curve_keys

pytestmark = pytest.mark.skipif(os.name != "posix", reason="permissions are POSIX's")


@pytest.fixture(autouse=True, params=[0, 0o022, 0o077, 0o377, 0o777])
def umask(request: pytest.FixtureRequest) -> Iterator[None]:
    old = os.umask(request.param)
    yield
    os.umask(old)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_folders_are_their_owner_s_and_usable(tmp_path: Path) -> None:
    assert private_folder(tmp_path / "a" / "b") == tmp_path / "a" / "b"
    assert (mode(tmp_path / "a"), mode(tmp_path / "a" / "b")) == (0o700, 0o700)


def test_a_folder_that_is_there_keeps_its_mode(tmp_path: Path) -> None:
    tmp_path.chmod(0o750)
    private_folder(tmp_path)
    assert mode(tmp_path) == 0o750


def test_a_file_in_the_folder_s_place_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    for path in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(NotADirectoryError):
            private_folder(path)


def test_files_are_their_owner_s_and_usable(tmp_path: Path) -> None:
    write_private(tmp_path / "written", b"x")
    write_private(tmp_path / "once", b"x", replace=False)
    os.close(open_private(tmp_path / "opened", os.O_RDWR))
    assert [mode(path) for path in sorted(tmp_path.iterdir())] == [0o600] * 3


def test_so_they_are_on_a_file_system_without_hard_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object) -> None:
        raise PermissionError("no links here")

    monkeypatch.setattr(os, "link", fails)
    write_private(tmp_path / "once", b"x", replace=False)
    with pytest.raises(FileExistsError):
        write_private(tmp_path / "once", b"y", replace=False)
    keys = curve_keys(tmp_path / "service" / "broker.key")
    assert curve_keys(tmp_path / "service" / "broker.key") == keys
    assert [mode(path) for path in (tmp_path / "once", tmp_path / "service" / "broker.key")] == [0o600] * 2
    assert (tmp_path / "once").read_bytes() == b"x"
    assert len(list(tmp_path.iterdir())) == 2  # and nothing else is left


def test_a_new_file_is_made_once(tmp_path: Path) -> None:
    os.close(open_private(tmp_path / "new", os.O_WRONLY | os.O_EXCL))
    with pytest.raises(FileExistsError):
        open_private(tmp_path / "new", os.O_WRONLY | os.O_EXCL)
