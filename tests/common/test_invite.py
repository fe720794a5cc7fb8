from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandpiper.common.codes import RoomCode
from sandpiper.common.errors import UsageError
from sandpiper.common.invite import Invite, parse_invite
from sandpiper.common.limits import INVITE_ADDRESSES, INVITE_CHARS
from sandpiper.common.sanitise import printable
from sandpiper.common.target import Target
from sandpiper.common.words import WORDS

FINGERPRINT = "abcdefghijklmnopqrstu234"
PINE = RoomCode(("pine", "ocean"), 42)

fingerprints = st.from_regex(r"[a-z2-7]{24}", fullmatch=True)
hosts = st.one_of(
    st.from_regex(r"[a-z0-9]([a-z0-9-]{0,8}[a-z0-9])?(\.[a-z]{2,5}){0,2}", fullmatch=True),
    st.sampled_from(["bücher.example", "点看"]),
    st.ip_addresses(v=4).map(str),
    st.ip_addresses(v=6).map(lambda address: f"[{address}]"),
)
addresses = st.builds(
    lambda host, port, mark: f"{host}:{port}" + (f"#{mark}" if mark else ""),
    hosts, st.integers(1, 65535), st.none() | fingerprints,
)  # fmt: skip
several = st.lists(addresses, max_size=4, unique=True).map(tuple)
codes = st.builds(
    RoomCode, st.lists(st.sampled_from(WORDS), min_size=2, max_size=8).map(tuple), st.integers(10, 999_999)
)
targets = st.builds(
    Target,
    host=hosts.map(lambda host: host.strip("[]")),
    port=st.integers(1, 65535),
    room=st.from_regex(r"[a-zA-Zé][a-zA-Z0-9_.-]{0,20}", fullmatch=True),
    fingerprint=st.none() | fingerprints,
)
invites = st.one_of(st.builds(Invite, codes, several, several, st.booleans()), st.builds(Invite, targets))


@given(invites)
def test_a_link_reads_back(invite: Invite) -> None:
    link = str(invite)
    assert parse_invite(link) == invite
    assert parse_invite(f"  SANDPIPER{link.removeprefix('sandpiper')}\n") == invite
    assert link.isascii()
    assert len(link) <= INVITE_CHARS


@given(st.one_of(st.text(max_size=60), st.text("join?discovery=&broker#/%2345:[]pine-ocean42", max_size=60)), invites)
def test_hostile_links_are_one_line_of_usage(text: str, invite: Invite) -> None:
    link = str(invite)
    for hostile in (f"sandpiper://{text}", f"sandpiper://join?{text}#pine-ocean-42", link + text, text + link):
        try:
            parsed = parse_invite(hostile)
        except UsageError as error:
            said = str(error)
            assert printable(said) == said
            assert len(said) < 250
        else:
            assert parse_invite(str(parsed)) == parsed


def test_the_code_is_what_no_server_is_sent() -> None:
    link = str(Invite(PINE, ("foo:8000", f"[::1]:8000#{FINGERPRINT}"), ("bar:5000",), password_needed=True))
    assert link == (
        f"sandpiper://join?discovery=foo:8000&discovery=[::1]:8000%23{FINGERPRINT}&broker=bar:5000&password=1"
        "#pine-ocean-42"
    )
    assert str(Invite(PINE)) == "sandpiper://join#pine-ocean-42"
    assert str(Invite(Target("foo", 5001, "ops", FINGERPRINT))) == f"sandpiper://connect/foo:5001/ops#{FINGERPRINT}"


@pytest.mark.parametrize(
    ("link", "invite"),
    [
        ("sandpiper://join/pine-ocean-42", Invite(PINE)),
        ("sandpiper://Join/#Pine%20Ocean%2042", Invite(PINE)),
        ("sandpiper://join?discovery=foo&broker=foo#pine-ocean-42", Invite(PINE, ("foo:8000",), ("foo:5000",))),
        ("sandpiper://join?discovery=foo&discovery=FOO:8000#pine-ocean-42", Invite(PINE, ("foo:8000",))),
        ("sandpiper://join?colour=red&&password=0#pine-ocean-42", Invite(PINE)),
        ("sandpiper://connect/foo", Invite(Target("foo"))),
        ("sandpiper://connect/foo/", Invite(Target("foo"))),
    ],
)
def test_links_are_forgiven_much(link: str, invite: Invite) -> None:
    assert parse_invite(link) == invite


@pytest.mark.parametrize(
    ("link", "says"),
    [
        ("https://join#pine-ocean-42", "that is no invite link; one begins with sandpiper://"),
        ("sandpiper://", "leads nowhere that this version knows"),
        ("sandpiper://teleport#pine-ocean-42", "leads nowhere that this version knows"),
        ("sandpiper://join", "was it cut off at the #?"),
        ("sandpiper://join?discovery=foo", "was it cut off at the #?"),
        ("sandpiper://join#pine-ocean-42?discovery=foo", "that is no room code"),
        ("sandpiper://join#pine-oceon-42", "word 2 of the room code is in no word list"),
        ("sandpiper://join?password=s3cret#pine-ocean-42", "has a password in it"),
        ("sandpiper://join?discovery=#pine-ocean-42", "names no host"),
        ("sandpiper://join?discovery=foo/lobby#pine-ocean-42", "names a room"),
        ("sandpiper://join?broker=foo:99999#pine-ocean-42", "has a port that is none"),
        ("sandpiper://join?broker=%ff#pine-ocean-42", "is damaged"),
        ("sandpiper://join?" + "discovery=foo&" * (INVITE_ADDRESSES + 1) + "#pine-ocean-42", "more than 8 addresses"),
        ("sandpiper://join#" + "p" * INVITE_CHARS, "is damaged"),
        ("sandpiper://join\n#pine-ocean-42", "is damaged"),
        ("sandpiper://connect", "names no host"),
        ("sandpiper://connect/foo%2Fbar/ops", "has a mark where none belongs"),
        ("sandpiper://connect/foo/ops%23abc", "has a mark where none belongs"),
        (f"sandpiper://connect/foo/ops#{FINGERPRINT[1:]}", "has a fingerprint that is none"),
    ],
)
def test_usage_errors_help_and_quote_no_secret(link: str, says: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_invite(link)
    assert says in str(caught.value)
    assert caught.value.exit_code == 2
    assert "oceon" not in str(caught.value)
    assert "s3cret" not in str(caught.value)


def test_an_invite_is_silent_in_logs() -> None:
    assert "pine" not in repr(Invite(PINE, ("foo:8000",)))
