"""What `create` and `join` take, as `connect` does, and what they say of what they do not take."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from inspect import signature
from typing import Any

import pytest

from sandpiper.common.errors import UsageError
from sandpiper.discovery.embed import EmbeddedService, embed
from sandpiper.peer import connect, create, join
from sandpiper.peer.p2p.state.options import PeerOptions
from sandpiper.peer.profile import Profile
from sandpiper.peer.room import Room

CODE = "pine-ocean-42"
ENTRANCES: list[Callable[..., Room]] = [
    create,
    lambda **given: join(CODE, **given),
    lambda **given: connect("localhost", **given),
]


@pytest.mark.parametrize("enter", ENTRANCES)
@pytest.mark.parametrize("nick", ["alice/thermo", " ", "b\x1b[2J", "-n", "a" * 33, "you"])
def test_what_is_no_nick_is_refused_at_once(enter: Callable[..., Room], nick: str) -> None:
    with pytest.raises(UsageError, match="invalid nick"):
        enter(nick=nick)


@pytest.mark.parametrize("enter", ENTRANCES)
@pytest.mark.parametrize("nick", ["", "anon", "alice"])
def test_what_is_a_nick_or_none_is_taken(enter: Callable[..., Room], nick: str) -> None:
    assert isinstance(enter(nick=nick), Room)


@pytest.fixture
def wished(monkeypatch: pytest.MonkeyPatch) -> Callable[..., PeerOptions]:
    """What a call of `create` or `join` wishes for."""
    wishes: list[PeerOptions] = []

    def no_engine(wish: PeerOptions, profile: Profile, turned: Callable[[], None]) -> Any:
        wishes.append(wish)

    monkeypatch.setattr("sandpiper.peer.p2p.engine.P2PEngine", no_engine)

    def wished(enter: Callable[..., Room], **given: Any) -> PeerOptions:
        enter(profile=Profile.ephemeral(), **given)._make(lambda: None)
        return wishes.pop()

    return wished


@pytest.mark.parametrize("enter", ENTRANCES[:2])
@pytest.mark.parametrize("name", ["discovery", "broker", "advertise"])
def test_one_address_is_as_good_as_a_list_of_one(
    enter: Callable[..., Room], name: str, wished: Callable[..., PeerOptions]
) -> None:
    for given, wanted in {
        "127.0.0.1:9": ("127.0.0.1:9",),
        ("127.0.0.1:9", "[::1]:9"): ("127.0.0.1:9", "[::1]:9"),
        "": (),
        (): (),
    }.items():
        assert getattr(wished(enter, **{name: given}), name) == wanted
    assert getattr(wished(enter, **{name: ["localhost"]}), name) == ("localhost",)


@pytest.mark.parametrize("enter", [create, join])
def test_an_option_has_one_name_and_one_default(enter: Callable[..., Room]) -> None:
    defaults = {field.name: field.default for field in fields(PeerOptions)}
    offered = signature(enter).parameters
    assert set(defaults) - {"how", "code", "backlog"} <= set(offered) <= set(defaults) | {"open_if_missing", "profile"}
    differing = {"code", "open_if_missing", "nick", "profile"}  # without a nick one is anon; a profile is looked up
    assert all(defaults[name] == each.default for name, each in offered.items() if name not in differing)


def test_a_service_is_made_where_there_is_none_and_how_may_be_said(wished: Callable[..., PeerOptions]) -> None:
    async def another(host: str, port: int) -> EmbeddedService:
        raise NotImplementedError

    assert wished(create).embed is embed
    assert wished(create, embed=another).embed is another


def test_a_room_without_a_nick_is_entered_as_anon(wished: Callable[..., PeerOptions]) -> None:
    assert wished(create).nick == "anon"
