"""Who may not come in, and who may not speak for another: each is refused, at every door."""

from __future__ import annotations

import os
import select
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import msgspec
import pytest
import zmq
from nacl.signing import SigningKey
from zmq.utils.monitor import recv_monitor_message

from sandpiper.common import control
from sandpiper.common.io.sockets import CurveKeys, context
from sandpiper.common.keys import fingerprint, sign_enrolment
from sandpiper.common.limits import ACCESS_FAILURES, VERSION
from sandpiper.common.pake import prover
from tests.sockets.attack import (
    NULL_GREETING,
    Caller,
    RawCurve,
    Tool,
    Wire,
    bystander,
    dumps,
    hello,
    null_ready,
    plain_end,
    plain_port,
    stopped,
    texts,
    unruffled,
    until,
    zmtp,
)
from tests.sockets.running import DEADLINE_S, Lines, RunningBroker, running

CODE = "correct horse battery staple"
ALICE, MALLORY = SigningKey.generate(), SigningKey.generate()
FAILED = zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL | zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL | zmq.EVENT_HANDSHAKE_FAILED_AUTH
REFUSED = FAILED | zmq.EVENT_DISCONNECTED


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningBroker]:
    folder: Path = tmp_path_factory.mktemp("strangers")
    with running(folder / "data") as broker:
        yield broker
        unruffled(broker)


@pytest.fixture
def closed(tmp_path: Path) -> Iterator[RunningBroker]:
    """A broker that asks for an access code."""
    file = tmp_path / "code"
    file.write_text(CODE + "\n")
    with running(tmp_path / "data", "--access-code-file", str(file), "--log-level", "debug") as broker:
        yield broker


def refused(socket_: zmq.Socket[Any], endpoint: str) -> bool:
    """Whether the handshake fails, or hears nothing: so it is for a key that may yet be enrolled."""
    socket_.setsockopt(zmq.HANDSHAKE_IVL, 1000)
    monitor = socket_.get_monitor_socket(REFUSED | zmq.EVENT_HANDSHAKE_SUCCEEDED)
    monitor.setsockopt(zmq.RCVTIMEO, int(DEADLINE_S * 1000))
    try:
        socket_.connect(endpoint)
        return bool(recv_monitor_message(monitor)["event"] & REFUSED)
    finally:
        socket_.disable_monitor()
        monitor.close()


# Who comes in ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "port"), [(zmq.PUB, "xsub"), (zmq.SUB, "xpub")])
def test_no_key(broker: RunningBroker, kind: int, port: str) -> None:
    with context() as own, own.socket(kind) as stranger:
        assert refused(stranger, broker.ready[port])


@pytest.mark.parametrize(("kind", "port"), [(zmq.PUB, "xsub"), (zmq.SUB, "xpub"), (zmq.DEALER, "door")])
def test_the_wrong_server_key(broker: RunningBroker, kind: int, port: str) -> None:
    with Caller(broker).enrol() as caller:
        stranger = caller.calling(kind, CurveKeys.make().public)
        endpoint = broker.ready[port]
        assert refused(stranger, endpoint if "://" in endpoint else f"tcp://{endpoint}")


@pytest.mark.parametrize(("kind", "port"), [(zmq.PUB, "xsub"), (zmq.SUB, "xpub")])
def test_a_key_that_is_not_enrolled(broker: RunningBroker, kind: int, port: str) -> None:
    with Caller(broker) as caller:
        assert refused(caller.calling(kind), broker.ready[port])
        caller.enrol()
        assert not refused(caller.calling(kind), broker.ready[port])


@pytest.mark.parametrize(("kind", "port"), [(zmq.PUB, "xsub"), (zmq.SUB, "xpub")])
def test_a_key_that_said_goodbye_opens_nothing_any_more(broker: RunningBroker, kind: int, port: str) -> None:
    with Caller(broker).enrol() as caller:
        assert isinstance(caller.ask(control.Bye(r=0)), control.Done)
        assert refused(caller.calling(kind), broker.ready[port])


def test_what_a_stranger_sends_before_it_is_admitted_goes_nowhere(broker: RunningBroker) -> None:
    """It greets and sends at once, as if it had been let in."""
    frame = b"before/msg\0" + msgspec.msgpack.encode({"type": "msg", "text": "slipped in"})
    with Wire(broker.host, plain_port(broker, "xsub"), NULL_GREETING) as wire:
        wire.read(64)
        wire.send(null_ready("PUB") + zmtp(frame))
        wire.rest()
    with hello(broker, "before", "watcher") as watcher:
        watcher.say(type="msg", text="first", id="w1")
        assert watcher.hear_until("msg")["seq"] == 1


def test_control_answers_nothing_but_enrolment_to_a_stranger(broker: RunningBroker) -> None:
    with hello(broker, "gate", "watcher") as watcher, Caller(broker) as caller:
        frame = b"gate/msg\0" + msgspec.msgpack.encode({"type": "msg", "text": "from nobody", "n": 1})
        for request in (
            control.Join(r=0, room="gate", nick="x"),
            control.Claim(r=0, room="gate", nick="x"),
            control.Who(r=0, room="gate"),
            control.ListRooms(r=0),
            control.Replay(r=0, room="gate", after=0, limit=10),
            control.Publish(r=0, frames=[frame]),
            control.Subscribe(r=0, room="gate"),
            control.SendWhisper(r=0, room="gate", to="watcher", text="x", id="x"),
            control.Received(r=0, id="x", sender=None),
            control.Ping(r=0),
            control.Bye(r=0),
        ):
            reply = caller.ask(request)
            assert isinstance(reply, control.Refused), request
            assert reply.code == "access"
        watcher.say(type="msg", text="mine")
        assert watcher.hear()["text"] == "mine"


WITHOUT_ZAP = """
import zmq, sys
from zmq.utils.monitor import recv_monitor_message
from sandpiper.common.io.sockets import CurveKeys, calling, context, serving
ctx, keys = context(), CurveKeys.make()
for served, kind in ((zmq.XSUB, zmq.PUB), (zmq.XPUB, zmq.SUB), (zmq.ROUTER, zmq.DEALER), (zmq.REP, zmq.REQ)):
    server = serving(ctx, served, keys, "bus")
    server.bind("tcp://127.0.0.1:*")
    client = calling(ctx, kind, CurveKeys.make(), keys.public)
    monitor = client.get_monitor_socket()
    monitor.RCVTIMEO = 10000
    client.connect(server.LAST_ENDPOINT.decode())
    while True:
        event = recv_monitor_message(monitor)["event"]
        if event == zmq.EVENT_HANDSHAKE_SUCCEEDED:
            sys.exit("admitted")
        if event in (zmq.EVENT_DISCONNECTED, zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL, zmq.EVENT_HANDSHAKE_FAILED_AUTH):
            break
    client.disable_monitor()
    monitor.close()
ctx.destroy(linger=0)
print("nobody")
"""


def test_without_a_zap_handler_nobody_is_admitted() -> None:
    """libzmq's own default is to admit everyone who knows the server's key."""
    ended = subprocess.run([sys.executable, "-c", WITHOUT_ZAP], capture_output=True, text=True, timeout=60)
    assert (ended.stdout, ended.stderr, ended.returncode) == ("nobody\n", "", 0)


# For whom one speaks -----------------------------------------------------------------------------------------


def test_a_forged_user_id_in_the_handshake_is_not_believed(broker: RunningBroker) -> None:
    """`User-Id` is how ZAP's answer reaches the broker; a client may write the same name into its own metadata."""
    with Caller(broker).enrol() as alice, Caller(broker).enrol() as mallory:
        alice.join("forged", "alice")
        mallory.join("forged", "mallory")
        forged = alice.keys.public.hex().encode()
        ends: list[RawCurve] = []
        for name in ("User_Id", "user_id", "X_User_Id"):
            end = RawCurve(
                broker.host,
                plain_port(broker, "xsub"),
                mallory.keys,
                alice.server_key,
                "PUB",
                properties={name: forged},
            )
            assert end.admitted
            ends.append(end)
        with hello(broker, "forged", "watcher") as watcher:
            for number, end in enumerate(ends, 1):
                end.send(b"forged/msg\0" + msgspec.msgpack.encode({"type": "msg", "text": "who am I", "n": number}))
                heard = watcher.hear_until("msg")
                assert heard["from"] == fingerprint(bytes(mallory.identity.verify_key))
                assert heard["nick"] == "mallory"
        for end in ends:
            end.wire.close()


def test_a_key_that_is_not_ones_own(broker: RunningBroker) -> None:
    """The vouch must be made with the key's secret half, so a copied public key admits nobody."""
    with Caller(broker).enrol() as alice:
        copied = CurveKeys(alice.keys.public, CurveKeys.make().secret)
        stranger = RawCurve(broker.host, plain_port(broker, "xsub"), copied, alice.server_key, "PUB")
        assert not stranger.admitted
        stranger.wire.close()


def test_anothers_routing_id_brings_nothing_of_its_mail(broker: RunningBroker) -> None:
    with Caller(broker, routing_id=b"alice").enrol() as alice:
        alice.join("mail", "alice")
        with Caller(broker, routing_id=b"alice") as mallory, hello(broker, "mail", "bob") as bob:
            mallory.socket.setsockopt(zmq.RCVTIMEO, 300)
            mallory.tell(mallory.enrolment())
            bob.say(type="whisper", to="alice", text="for alice alone", id="w")
            assert alice.event(control.Whispered).whisper.text == "for alice alone"
            with suppress(zmq.Again):
                while True:
                    assert not isinstance(mallory.hear(), control.Whispered)


def test_forged_metadata_of_a_library_client(broker: RunningBroker) -> None:
    with Caller(broker).enrol() as alice, Caller(broker).enrol() as mallory:
        alice.join("meta", "alice")
        mallory.join("meta", "mallory")
        end = mallory.calling(zmq.XPUB)
        end.setsockopt(zmq.METADATA, b"X-User-Id:" + alice.keys.public.hex().encode())
        end.setsockopt(zmq.ROUTING_ID, alice.keys.public)
        end.connect(broker.ready["xsub"])
        end.recv()
        with hello(broker, "meta", "watcher") as watcher:
            end.send(b"meta/msg\0" + msgspec.msgpack.encode({"type": "msg", "text": "hi", "n": 1}))
            assert watcher.hear_until("msg")["nick"] == "mallory"


NICKS = ("alice", "ALICE", "\uff41lice", "ali\u200bce", "alice\u0000", "\u202ealice")


@pytest.mark.parametrize("nick", NICKS)
def test_anothers_nick(broker: RunningBroker, nick: str) -> None:
    """By JSON lines, old and new, by control, and by the plain bus."""
    claim = f"I am alice {NICKS.index(nick)}"
    with Caller(broker) as alice, Caller(broker) as mallory, hello(broker, "lobby", "watcher") as eye:
        alice.identity, mallory.identity = ALICE, MALLORY
        mallory.enrol()
        assert alice.enrol().join("lobby", "alice").nick == "alice"
        with Lines(broker) as original:
            original.hear_until("notice")
            original.say(type="nick", nick=nick)
            original.hear_until("error")
        with Lines(broker) as line:
            line.say(type="hello", v=1, room="lobby", nick=nick)
            assert line.hear_until("error")["code"] in ("nick_taken", "invalid")
        assert mallory.join("lobby", nick).code in ("nick_taken", "invalid")
        mallory.join("lobby", "mallory")
        assert mallory.ask(control.Claim(r=0, room="lobby", nick=nick)).code in ("nick_taken", "invalid")
        body = {"type": "msg", "text": claim, "n": 1, "nick": nick}
        mallory.tell(control.Publish(r=0, frames=[b"lobby/msg\0" + msgspec.msgpack.encode(body)]))
        assert eye.hear_until("msg", text=claim)["nick"] == "mallory"
        with Tool(broker, "lobby/") as tool:
            tool.publish("lobby", nick=nick, text=claim)
            tool.publish("lobby", nick="tool", text="behind it")
            while (heard := tool.hear()).get("text") != "behind it":
                assert heard.get("text") != claim


FORGED = {"from": "x" * 24, "seq": 999, "prev": 998, "verified": True, "room": "elsewhere", "run": "0" * 32, "ts": 1}


def honest(heard: dict[str, Any], room: str) -> bool:
    """Whether nothing of FORGED has been believed."""
    return bool(
        heard["room"] == room
        and heard["from"] != FORGED["from"]
        and heard["seq"] == heard["prev"] + 1
        and (heard["run"] != FORGED["run"] and heard["ts"] != 1 and heard["seq"] < 999)
    )


def test_forged_stamps(broker: RunningBroker) -> None:
    with hello(broker, "stamps", "watcher") as eye, Tool(broker, "stamps/") as tool, Caller(broker).enrol() as bob:
        tool.publish("stamps", nick="tool", text="plain", **FORGED)
        heard = eye.hear_until("msg")
        assert honest(heard, "stamps")
        assert (heard["from"], heard["verified"]) == (None, False)
        assert honest(tool.hear(), "stamps")

        eye.say(type="msg", text="line", **{**FORGED, "room": "stamps"})
        heard = eye.hear_until("msg")
        assert honest(heard, "stamps")
        assert (heard["from"], heard["verified"]) == (None, False)

        bob.join("stamps", "bob")
        body = msgspec.msgpack.encode(
            {"type": "msg", "text": "keyed", "n": 1, "nick": "watcher", "id": "mine", **FORGED}
        )
        bob.tell(control.Publish(r=0, frames=[b"stamps/msg\0" + body]))
        heard = eye.hear_until("msg")
        assert honest(heard, "stamps")
        assert heard["from"] == fingerprint(bytes(bob.identity.verify_key))
        assert heard["nick"] == "bob"


def test_a_notice_cannot_be_forged(broker: RunningBroker) -> None:
    """`notice` is a topic of the bus, and the broker's alone."""
    body = msgspec.msgpack.encode({"type": "notice", "text": "alice left", "event": "leave", "nick": "alice"})
    with hello(broker, "said", "watcher") as eye, Tool(broker, "said/") as tool, Caller(broker).enrol() as bob:
        bob.join("said", "bob")
        assert eye.hear_until("notice")["nick"] == "bob"
        assert tool.hear()["nick"] == "bob"
        for topic in (b"said/notice", b"said/ack", b"said/whisper", b"said/welcome", b"said/"):
            tool.pub.send(topic + b"\0" + body)
            bob.tell(control.Publish(r=0, frames=[topic + b"\0" + body]))
        tool.publish("said", text="the end")
        assert tool.hear()["text"] == "the end"
        assert eye.hear()["text"] == "the end"


def test_a_room_that_one_has_not_joined(broker: RunningBroker) -> None:
    with hello(broker, "vault", "keeper") as keeper, hello(broker, "hall", "guest") as guest:
        with Caller(broker).enrol() as caller:
            caller.join("hall", "caller")
            frame = b"vault/msg\0" + msgspec.msgpack.encode({"type": "msg", "text": "shouted", "n": 1})
            caller.tell(control.Publish(r=0, frames=[frame]))
            assert caller.event(control.Turned).code == "not_joined"
            for request in (
                control.Subscribe(r=0, room="vault"),
                control.Replay(r=0, room="vault", after=0, limit=10),
                control.Claim(r=0, room="vault", nick="caller"),
                control.SendWhisper(r=0, room="vault", to="keeper", text="psst", id="1"),
            ):
                assert caller.ask(request).code == "not_joined"
            bus = caller.calling(zmq.XPUB)
            bus.connect(broker.ready["xsub"])
            bus.recv()
            bus.send(frame)
            assert caller.event(control.Turned).code == "not_joined"
        for line in ({"type": "msg", "text": "shouted"}, {"type": "whisper", "to": "keeper", "text": "psst"}):
            guest.say(**line, room="vault", id="g")
            assert guest.hear_until("error")["code"] == "not_joined"
        keeper.say(type="msg", text="quiet here")
        assert keeper.hear()["text"] == "quiet here"


def test_anothers_enrolment_signature(broker: RunningBroker) -> None:
    """It is bound to the connection's key and to the broker's."""
    with Caller(broker) as alice, Caller(broker) as mallory:
        theirs = alice.enrolment()
        reply = mallory.ask(mallory.enrolment(identity=theirs.identity, signature=theirs.signature))
        assert isinstance(reply, control.Refused)
        other_broker = sign_enrolment(mallory.identity, CurveKeys.make().public, mallory.keys.public)
        assert isinstance(mallory.ask(mallory.enrolment(signature=other_broker)), control.Refused)
        for identity, signature in (
            (b"", b""),
            (bytes(32), bytes(64)),
            (b"\xff" * 32, b"\xff" * 64),
            (b"x" * 999, b"y"),
        ):
            assert isinstance(mallory.ask(mallory.enrolment(identity=identity, signature=signature)), control.Refused)
        stranger = SigningKey.generate()
        wrong = sign_enrolment(stranger, mallory.server_key, mallory.keys.public)
        assert isinstance(mallory.ask(mallory.enrolment(signature=wrong)), control.Refused)


def test_two_clients_without_a_nick_are_two_senders(broker: RunningBroker) -> None:
    """Both number their messages from 1, as is natural: what is acknowledged is there."""
    with hello(broker, "anons", "anon") as one, hello(broker, "anons", "anon") as two:
        one.say(type="msg", text="of the first", id="1")
        first = one.hear_until("ack")
        two.say(type="msg", text="of the second", id="1")
        assert two.hear_until("ack")["seq"] != first["seq"]


def test_a_tool_cannot_take_a_guests_message_away(broker: RunningBroker) -> None:
    """Its ids are its own: they do not make a guest's message with the same id and nick an old one."""
    with hello(broker, "taken", "gwen") as gwen, Tool(broker, "taken/") as tool:
        tool.publish("taken", nick="harry", id="1", text="before harry came")
        first = gwen.hear_until("msg")
        with hello(broker, "taken", "harry") as harry:
            harry.say(type="msg", text="harry's own", id="1")
            assert harry.hear_until("ack")["seq"] != first["seq"]


def test_unsubscribing_for_others(broker: RunningBroker) -> None:
    """libzmq shows the broker an unsubscription also of a connection that never had the subscription."""
    with Tool(broker, "heard/") as tool, Caller(broker).enrol() as enrolled, bystander(broker, "heard") as others:
        wires = []
        for number in range(3):
            wire = plain_end(broker, "plain_xpub", "SUB")
            wires.append(wire)
            for topic in (b"heard/", b"", b"h", b"heard/msg"):
                wire.send(zmtp(b"\0" + topic))
            # It is done when its own last subscription works.
            own = f"own{number}"
            wire.send(zmtp(b"\1" + own.encode()))
        curve = RawCurve(broker.host, plain_port(broker, "xpub"), enrolled.keys, enrolled.server_key, "SUB")
        curve.send(b"\0heard/")
        for number in range(20):
            tool.publish("heard", nick="tool", text=f"still {number}")
            while tool.hear().get("text") != f"still {number}":
                pass
            others.round_trip()
        for wire in wires:
            wire.close()
        curve.wire.close()


# The access code ---------------------------------------------------------------------------------------------


def pake(caller: Caller, code: str) -> Any:
    """The broker's answer to an enrolment with this code."""
    spake = prover(code, client=True, client_key=caller.keys.public, broker_key=caller.server_key, entropy=os.urandom)
    reply = caller.ask(control.Pake(r=0, v=VERSION, message=spake.message))
    if isinstance(reply, control.Refused):
        return reply
    return caller.ask(caller.enrolment(confirm=spake.finish(reply.message).confirmation_a))


@contextmanager
def tunnel(port: int) -> Iterator[int]:
    """A TCP forwarder on loopback, as an ngrok agent is; gives its port."""
    listener = socket.create_server(("127.0.0.1", 0))
    stop_reader, stop = socket.socketpair()
    pairs: dict[socket.socket, socket.socket] = {}

    def forward() -> None:
        while True:
            ready, _, _ = select.select([listener, stop_reader, *pairs], [], [])
            if stop_reader in ready:
                return
            for one in ready:
                if one is listener:
                    outer, _ = listener.accept()
                    inner = socket.create_connection(("127.0.0.1", port))
                    pairs[outer], pairs[inner] = inner, outer
                elif one in pairs:
                    pass_on(one)

    def pass_on(one: socket.socket) -> None:
        try:
            data = one.recv(65536)
            if data:
                pairs[one].sendall(data)
        except OSError:
            data = b""
        if not data:
            for end in (one, pairs[one]):
                del pairs[end]
                end.close()

    thread = threading.Thread(target=forward)
    thread.start()
    try:
        yield int(listener.getsockname()[1])
    finally:
        stop.close()
        thread.join()
        for one in [listener, stop_reader, *pairs]:
            one.close()


class Through(Lines):
    """A JSON-lines client at another port."""

    def __init__(self, broker: RunningBroker, port: int) -> None:
        self._socket = socket.create_connection((broker.host, port), timeout=DEADLINE_S)
        self._file = self._socket.makefile("rb")


@contextmanager
def direct(port: int) -> Iterator[int]:
    yield port


WAYS = pytest.mark.parametrize("way", [direct, tunnel])


@WAYS
def test_no_access_code_by_lines(closed: RunningBroker, way: Callable[[int], Any]) -> None:
    with way(closed.port) as port:
        with Through(closed, port) as original:
            original.say(type="msg", text="let me in")
            assert "access code" in original.hear()["text"]
            assert original.at_end()
        with Through(closed, port) as quiet:
            assert "access code" in quiet.hear()["text"]
            assert quiet.at_end()
        with Through(closed, port) as line:
            line.say(type="hello", v=1)
            assert line.hear()["access"] is True
            for said in (
                {"type": "hello", "v": 1, "room": "lobby", "nick": "x"},
                {"type": "hello", "v": 1, "room": "lobby", "nick": "x", "access_code": None},
                {"type": "who"},
                {"type": "who", "room": "lobby"},
                {"type": "rooms"},
                {"type": "replay", "after": 0, "room": "lobby"},
            ):
                line.say(**said)
                assert line.hear_until("error")["code"] == "access", said
            for said in (
                {"type": "msg", "text": "x", "room": "lobby"},
                {"type": "leave"},
                {"type": "nick", "nick": "y"},
            ):
                line.say(**said)
                assert line.hear_until("error")["code"] in ("access", "not_joined")


@WAYS
def test_a_wrong_access_code_by_lines(closed: RunningBroker, way: Callable[[int], Any]) -> None:
    with way(closed.port) as port, Through(closed, port) as line:
        for code in ("wrong", "", CODE[:-1], CODE + "x", CODE.upper(), "\0", "x" * 5000):
            line.say(type="hello", v=1, room="lobby", nick="x", access_code=code)
            assert line.hear_until("error")["code"] == "access"
        line.raw(b'{"type":"hello","v":1,"room":"lobby","access_code":"\\ud800"}\n')
        assert line.hear_until("error")
        line.raw(b'{"type":"hello","v":1,"room":"lobby","access_code":{"$ne":1}}\n')
        assert line.hear_until("error")
        line.say(type="hello", v=1, room="lobby", nick="x", access_code=CODE)
        assert line.hear_until("joined")["nick"] == "x"


@WAYS
def test_the_access_code_by_control(closed: RunningBroker, way: Callable[[int], Any]) -> None:
    with way(closed.port) as port, Caller(closed, port=port) as caller:
        assert caller.ask(caller.enrolment()).code == "access"
        assert caller.ask(caller.enrolment(confirm=bytes(32))).code == "access"
        assert caller.join("lobby", "x").code == "access"
        assert pake(caller, "wrong").code == "access"
        for message in (b"", b"x", bytes(33), b"B" * 33, b"A" + b"\xff" * 32):
            assert caller.ask(control.Pake(r=0, v=VERSION, message=message)).code == "access"
        spake = prover(
            CODE, client=True, client_key=caller.keys.public, broker_key=caller.server_key, entropy=os.urandom
        )
        half = caller.ask(control.Pake(r=0, v=VERSION, message=spake.message))
        proof = spake.finish(half.message)
        with Caller(closed, port=port) as other:
            assert other.ask(other.enrolment(confirm=proof.confirmation_a)).code == "access"
        assert caller.ask(caller.enrolment(confirm=proof.confirmation_b)).code == "access"
        assert caller.ask(caller.enrolment(confirm=proof.confirmation_a)).code == "access"  # an attempt counts once
        assert refused(caller.calling(zmq.SUB), closed.ready["xpub"])
        assert isinstance(pake(caller, CODE), control.Enrolled)


def cli(*arguments: str, home: Path, given: str | None = None) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "SANDPIPER_HOME": str(home)}
    environment.pop("SANDPIPER_ACCESS_CODE", None)
    return subprocess.run(
        [sys.executable, "-m", "sandpiper.cli", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        env=environment,
        input=given or "",
    )


@WAYS
def test_the_commands_exit_with_4(closed: RunningBroker, tmp_path: Path, way: Callable[[int], Any]) -> None:
    right, wrong = tmp_path / "right", tmp_path / "wrong"
    right.write_text(CODE)
    wrong.write_text("wrong")
    with way(closed.port) as port:
        target = f"127.0.0.1:{port}/lobby"
        for command in (["say", target, "hi"], ["who", target], ["listen", target, "--timeout", "5"]):
            for code in ([], ["--access-code-file", str(wrong)]):
                ended = cli(*command, *code, home=tmp_path / "home")
                assert ended.returncode == 4, (command, code, ended.stderr)
                assert ended.stderr.count("\n") == 1
                assert "wrong" not in ended.stdout
        ended = cli("say", target, "hi", "--access-code-file", str(right), home=tmp_path / "home")
        assert ended.returncode == 0, ended.stderr


def test_many_wrong_access_codes(closed: RunningBroker) -> None:
    """Ten a minute from one address, by whichever door; then not even the right one is heard for a while."""
    codes: list[str] = []
    with Lines(closed) as line, Caller(closed) as caller:
        while "rate" not in codes and len(codes) < 2 * ACCESS_FAILURES:
            line.say(type="hello", v=1, room="lobby", access_code=f"guess {len(codes)}")
            codes.append(line.hear_until("error")["code"])
            codes.append(pake(caller, f"guess {len(codes)}").code)
        assert codes.index("rate") in range(ACCESS_FAILURES, ACCESS_FAILURES + 2)
        reply = pake(caller, CODE)
        assert reply.code == "rate"
        assert 0 < reply.retry_ms <= 60_000
        line.say(type="hello", v=1, room="lobby", access_code=CODE)
        assert line.hear_until("error")["code"] == "rate"


def test_another_access_code_after_a_restart(tmp_path: Path) -> None:
    """Whoever was admitted without it must show the new one."""
    broker = RunningBroker(tmp_path / "data")
    try:
        keys, identity = CurveKeys.make(), SigningKey.generate()
        with Caller(broker, keys) as caller:
            caller.identity = identity
            caller.enrol()
        broker.kill()
        broker.options = ("--access-code", CODE)
        broker.restart()
        with Caller(broker, keys) as caller:
            caller.identity = identity
            assert caller.ask(caller.enrolment()).code == "access"
            assert refused(caller.calling(zmq.SUB), broker.ready["xpub"])
    finally:
        broker.stop()


def command_lines() -> list[str]:
    """Of every process that runs now."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            found.append(entry.read_bytes().decode("utf-8", "replace"))
        except OSError:
            continue
    return found


@pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="/proc")
def test_the_access_code_is_written_nowhere(closed: RunningBroker, tmp_path: Path) -> None:
    file, home = tmp_path / "code", tmp_path / "home"
    with bystander(closed, access_code=CODE):
        target = f"{closed.door}/quiet"
        with Lines(closed) as line:
            line.say(type="hello", v=1, room="quiet", access_code=CODE + " but wrong")
            line.hear_until("error")
            line.raw(dumps({"type": "hello", "v": [], "room": "quiet", "access_code": CODE}))
            assert CODE not in str(line.hear_until("error"))
            line.raw(b'{"type":"hello","access_code":"' + CODE.encode() + b'", broken\n')
            assert CODE not in str(line.hear_until("error"))
        listener = subprocess.Popen(
            [sys.executable, "-m", "sandpiper.cli", "listen", target, "--access-code-file", str(file), "--json"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, "SANDPIPER_HOME": str(home)},
        )
        try:
            with hello(closed, "quiet", "speaker", access_code=CODE) as speaker:
                assert listener.stdout is not None
                until(lambda: _heard(speaker, listener))
            assert not [line for line in command_lines() if CODE in line]
        finally:
            listener.terminate()
            said = b"".join(listener.communicate(timeout=DEADLINE_S))
        assert CODE.encode() not in said
        ended = cli("say", target, "hi", "--access-code-file", str(file), home=home)
        assert ended.returncode == 0, ended.stderr
        assert CODE not in ended.stdout + ended.stderr
    stderr, log = stopped(closed)
    assert CODE not in stderr + log
    assert CODE not in texts(closed.data) + texts(home)


def _heard(speaker: Lines, listener: subprocess.Popen[bytes]) -> bool:
    """Says something; whether the listener has said anything yet."""
    speaker.say(type="msg", text="anybody there?")
    assert listener.stdout is not None
    return bool(select.select([listener.stdout], [], [], 0.1)[0])
