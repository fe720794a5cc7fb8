"""What a welcome may say of a broker's ports, and what is made of it."""

from __future__ import annotations

import pytest

from sandpiper.common.errors import Unreachable
from sandpiper.peer.endpoints import at_host


def test_the_host_is_the_one_that_we_know_the_broker_by() -> None:
    assert at_host("tcp://0.0.0.0:5001", "192.0.2.7") == "tcp://192.0.2.7:5001"
    assert at_host("tcp://[::]:65535", "2001:db8::7") == "tcp://[2001:db8::7]:65535"


@pytest.mark.parametrize(
    "odd", ["", "garbage", "ipc://x", "tcp://h:", "tcp://h:0", "tcp://h:65536", "tcp://h:-1", "h:٣", "h:" + "9" * 5000]
)
def test_what_is_no_port_is_no_endpoint(odd: str) -> None:
    with pytest.raises(Unreachable, match="names no port") as raised:
        at_host(odd, "192.0.2.7")
    assert len(str(raised.value)) < 200


def test_a_liar_s_words_are_shown_without_what_moves_the_cursor() -> None:
    with pytest.raises(Unreachable, match="␛"):
        at_host("\x1b[2J", "192.0.2.7")
