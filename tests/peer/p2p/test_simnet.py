"""Members together: what is said reaches everyone, once, in each one's order, whatever the links do."""

from __future__ import annotations

import pytest
from nacl.signing import SigningKey

from sandpiper.common.codes import RoomCode, parse_code
from sandpiper.common.errors import AccessDenied, PasswordNeeded, Rejected
from sandpiper.common.limits import ATTEMPT_S, FETCH_TIMEOUT_S, INTRODUCE_S, RELAY_AFTER_S
from sandpiper.common.messages import Lost, Notice, Whisper
from sandpiper.common.p2p import admission
from sandpiper.peer.events import CodeChanged, Received, Warned
from sandpiper.peer.p2p.state.peer import PeerState, Way
from tests.peer.p2p.simnet import CODE, Citizen, Town, Weather


def logs(citizen: Citizen) -> dict[str, list[tuple[int, str]]]:
    found: dict[str, list[tuple[int, str]]] = {}
    for message in citizen.heard:
        found.setdefault(message.run, []).append((message.seq, getattr(message, "text", "")))
    return found


def test_two_talk() -> None:
    town = Town()
    alice = town.found("alice")
    bob = town.join("bob")
    town.settle(2)
    town.post(alice, "hello")
    town.settle(0.1)
    town.post(bob, "hi")
    town.settle(2)
    assert alice.texts == ["hello", "hi"]
    assert bob.texts == ["hello", "hi"]
    assert alice.delivered == bob.delivered == [1]
    assert [event.text for event in alice.events if isinstance(event, Notice)] == ["bob joined"]
    assert [event.text for event in bob.events if isinstance(event, Notice)] == ["alice is here"]
    message = bob.heard[0]
    assert (message.nick, message.seq, message.room, message.verified) == ("alice", 1, str(CODE), True)
    assert message.from_ == alice.member.keyring.fingerprint


def test_alone_nothing_is_delivered_until_somebody_has_it() -> None:
    town = Town()
    alice = town.found("alice")
    town.post(alice, "is anybody here?")
    town.settle(3)
    assert alice.member.presence.alone
    assert alice.delivered == []
    bob = town.join("bob")
    town.settle(3)
    assert bob.texts == ["is anybody here?"]
    assert alice.delivered == [1]


@pytest.mark.parametrize("seed", range(5))
def test_bad_links_lose_and_double_nothing(seed: int) -> None:
    town = Town(seed, Weather(drop=0.2, repeat=0.2, delay_s=0.3))
    people = [town.found("p0")]
    for index in range(1, 5):
        people.append(town.join(f"p{index}"))
    for number in range(40):
        for citizen in people:
            town.post(citizen, f"{citizen.name} {number}")
        town.settle(0.05)
    town.settle(40)
    expected = logs(people[0])
    assert sorted(len(log) for log in expected.values()) == [40] * 5
    for citizen in people:
        assert logs(citizen) == expected
        assert all([seq for seq, _ in log] == list(range(1, 41)) for log in logs(citizen).values())
        assert citizen.delivered == list(range(1, 41))


def test_a_late_joiner_gets_the_history_in_the_order_of_its_making() -> None:
    town = Town()
    alice = town.found("alice")
    bob = town.join("bob")
    town.settle(2)
    for number in range(20):
        town.post((alice, bob)[number % 2], str(number))
        town.settle(0.1)
    carol = town.join("carol", at=[bob])
    town.settle(5)
    assert carol.texts == [str(number) for number in range(20)]
    dave = town.join("dave", backlog=0)
    town.post(alice, "now")
    town.settle(5)
    assert dave.texts == ["now"]


def test_what_the_dead_have_said_survives_with_whoever_has_it() -> None:
    town = Town()
    alice, bob = town.found("alice"), town.join("bob")
    carol = town.join("carol")
    town.settle(3)
    town.cut.add(frozenset(("alice", "carol")))
    for number in range(10):
        town.post(alice, str(number))
    town.settle(0.01)
    alice.dead = True
    town.settle(30)
    assert bob.texts == carol.texts == [str(number) for number in range(10)]
    gone = [event.text for event in bob.events if isinstance(event, Notice) and event.event == "leave"]
    assert gone == ["alice is gone: no sign of life"]


def test_who_slept_catches_up() -> None:
    town = Town()
    alice, bob, carol = town.found("alice"), town.join("bob"), town.join("carol")
    town.settle(3)
    carol.asleep = True
    for number in range(100):
        town.post(alice, str(number))
        town.settle(0.2)
    assert len(alice.delivered) == 100
    assert alice.member.peers[carol.keys.session].state is PeerState.GONE
    carol.asleep = False
    town.settle(15)
    assert carol.texts == bob.texts == [str(number) for number in range(100)]
    assert alice.member.peers[carol.keys.session].state is PeerState.PRESENT


def test_a_pair_without_a_link_goes_by_the_relay_and_back() -> None:
    town = Town()
    alice = town.found("alice")
    alice.relay = True
    town.cut.add(frozenset(("alice", "bob")))
    bob = town.join("bob")
    bob.relay = True
    town.settle(4)
    town.post(alice, "by relay")
    town.settle(1)
    assert bob.texts == ["by relay"]
    peer = bob.member.peers[alice.keys.session]
    assert peer.path(town.now) == "relay"
    town.cut.clear()
    town.settle(4)
    assert peer.path(town.now) == "direct"
    for number in range(50):
        town.post(bob, str(number))
        if number == 25:
            town.cut.add(frozenset(("alice", "bob")))
        town.settle(0.1)
    town.settle(8)
    assert alice.texts == ["by relay", *map(str, range(50))]


def test_without_relay_a_third_member_passes_it_on() -> None:
    town = Town()
    alice, bob, carol = town.found("alice"), town.join("bob"), town.join("carol")
    town.settle(3)
    town.cut.add(frozenset(("alice", "carol")))
    town.settle(5)
    town.post(alice, "round the corner")
    town.settle(4)
    assert carol.texts == ["round the corner"]
    assert bob.texts == ["round the corner"]
    assert carol.member.peers[alice.keys.session].path(town.now) == "via"


def test_a_wrong_code_is_refused_and_counted() -> None:
    town = Town()
    alice = town.found("alice")
    with pytest.raises(AccessDenied):
        town.join("eve", RoomCode(("pine", "river"), 42))
    assert alice.warned == ["guess"]
    with pytest.raises(AccessDenied):
        town.join("eve", password="secret")
    town.join("bob")


def test_a_password_is_needed_where_there_is_one() -> None:
    town = Town()
    alice = town.found("alice", password="open sesame")
    with pytest.raises(AccessDenied, match="wrong code or password"):
        town.join("eve", password="open says me")
    assert alice.warned == ["guess"]
    town.join("bob", password="open sesame")


def test_a_password_that_is_forgotten_is_no_guess() -> None:
    town = Town()
    alice = town.found("alice", password="open sesame")
    for name in ("bob", "carol", "dave"):
        joiner, _ = town.joiner(name)
        town.attempt(joiner)
        assert isinstance(joiner.error, PasswordNeeded)
    town.settle(ATTEMPT_S + 1)
    assert alice.warned == []
    assert alice.member.ledger.state.missed == 0
    town.join("bob", password="open sesame")


def test_who_has_no_password_tries_another_room_of_that_number() -> None:
    rooms = Town(1), Town(2)
    locked, open_ = rooms[0].found("alice", password="open sesame"), rooms[1].found("bob")
    joiner, _ = rooms[0].joiner("carol")
    joiner._groups = [[("", locked.mailbox)], [("", open_.mailbox)]]
    rooms[0].citizens.append(open_)
    rooms[0].attempt(joiner)
    assert joiner.welcome is not None
    assert (locked.warned, joiner.welcome.room) == ([], open_.member.keyring.room)


def test_no_proof_is_shown_to_who_asks_for_a_password() -> None:
    town, seen = Town(), list[object]()

    def look(_: bytes, body: bytes) -> bytes:
        seen.append(admission.decode_letter(body))
        return body

    town.found("alice", password="open sesame")
    town.tamper = look
    with pytest.raises(PasswordNeeded):
        town.join("eve")
    assert [type(letter) for letter in seen] == [admission.Knock, admission.Answer]


def test_ten_wrong_guesses_change_the_code_everywhere() -> None:
    town = Town()
    alice, bob = town.found("alice"), town.join("bob")
    town.settle(3)
    for number in range(10):
        with pytest.raises(AccessDenied):
            town.join("eve", RoomCode(("pine", "river"), 42), at=[(alice, bob)[number % 2]])
        town.settle(1)
    codes = {event.code for event in alice.events if isinstance(event, CodeChanged)}
    assert len(codes) == 1
    assert codes == {event.code for event in bob.events if isinstance(event, CodeChanged)}
    town.settle(5)
    with pytest.raises(AccessDenied):
        town.join("carol")
    town.settle(5)
    town.join("carol", parse_code(codes.pop()))


def test_a_full_room_says_so() -> None:
    town = Town()
    town.found("alice", capacity=2)
    town.join("bob")
    town.settle(2)
    with pytest.raises(Rejected, match="full"):
        town.join("carol")


def test_a_removed_person_is_out_and_the_room_has_another_key_and_code() -> None:
    town = Town()
    alice, bob = town.found("alice"), town.join("bob")
    identity = SigningKey(b"m" * 32)
    mallory = town.join("mallory", identity=identity)
    town.settle(3)
    old = alice.member.keyring.epoch.id
    alice.member.governance.kick("mallory")
    town.collect(alice)
    town.settle(3)
    assert mallory.member.broken is not None
    mallory.dead = True
    assert alice.member.keyring.epoch.id == bob.member.keyring.epoch.id != old
    assert bob.cuts == 1
    town.post(bob, "only us")
    town.settle(3)
    assert alice.texts == ["only us"]
    assert "only us" not in mallory.texts
    code = alice.member.context.code
    assert code == bob.member.context.code != CODE
    with pytest.raises(Rejected, match="removed"):
        town.join("mallory", code, identity=identity)
    carol = town.join("carol", code)
    town.settle(3)
    assert carol.texts == ["only us"]


def test_who_slept_through_a_new_key_finds_its_copy() -> None:
    town = Town()
    alice, bob, carol = town.found("alice"), town.join("bob"), town.join("carol")
    mallory = town.join("mallory")
    town.settle(3)
    carol.asleep = True
    alice.member.governance.kick("mallory")
    town.collect(alice)
    mallory.dead = True
    town._due.clear()
    town.settle(20)
    carol.asleep = False
    town.settle(10)
    town.post(bob, "welcome back")
    town.settle(5)
    assert carol.texts == ["welcome back"]


def test_only_owners_remove() -> None:
    town = Town()
    alice, bob, carol = town.found("alice"), town.join("bob"), town.join("carol")
    town.settle(3)
    with pytest.raises(Exception, match="owners"):
        bob.member.governance.kick("carol")
    alice.member.governance.name_owner("bob")
    town.collect(alice)
    town.settle(2)
    bob.member.governance.kick("carol")
    town.collect(bob)
    town.settle(3)
    assert carol.member.broken is not None
    assert alice.member.broken is None


def test_two_owners_remove_at_once_and_both_removals_hold() -> None:
    town = Town()
    alice, bob, carol = town.found("alice"), town.join("bob"), town.join("carol")
    dave, erin = town.join("dave"), town.join("erin")
    town.settle(3)
    alice.member.governance.name_owner("bob")
    town.collect(alice)
    town.settle(2)
    alice.member.governance.kick("dave")
    bob.member.governance.kick("erin")
    town.collect(alice)
    town.collect(bob)
    town.settle(10)
    assert dave.member.broken is not None
    assert erin.member.broken is not None
    epochs = {each.member.keyring.epoch.id for each in (alice, bob, carol)}
    assert len(epochs) == 1
    town.post(carol, "three of us")
    town.settle(3)
    assert alice.texts[-1] == bob.texts[-1] == "three of us"


def test_whispers_reach_one_alone() -> None:
    town = Town()
    alice, bob, carol = town.found("alice"), town.join("bob"), town.join("carol")
    town.settle(3)
    alice.member.whispers.send("bob", "psst", "w1", town.now)
    town.collect(alice)
    town.settle(1)
    assert alice.answers == [("w1", None)]
    assert [event.text for event in bob.events if isinstance(event, Whisper)] == ["psst"]
    assert not [event for event in carol.events if isinstance(event, Whisper)]


def test_a_whisper_is_said_again_until_it_has_arrived_once() -> None:
    town = Town(3, Weather(drop=0.4))
    alice, bob = town.found("alice"), town.join("bob")
    town.settle(6)
    for number in range(5):
        alice.member.whispers.send("bob", f"psst {number}", f"w{number}", town.now)
        town.collect(alice)
        town.settle(6)
    heard = [event.text for event in bob.events if isinstance(event, Whisper)]
    confirmed = [name for name, refusal in alice.answers if refusal is None]
    assert len(heard) == len(set(heard))
    assert {f"psst {name[1:]}" for name in confirmed} <= set(heard)
    assert len(confirmed) >= 3


def test_verify_shows_both_the_same_words() -> None:
    town = Town()
    alice, bob = town.found("alice"), town.join("bob")
    town.settle(2)
    (one,) = alice.member.governance.verify("bob")
    (other,) = bob.member.governance.verify("alice")
    assert one.phrase == other.phrase
    assert len(one.phrase.split()) == 6


def test_a_goodbye_is_heard_at_once() -> None:
    town = Town()
    alice, bob = town.found("alice"), town.join("bob")
    town.settle(2)
    bob.member.gossip.say_goodbye()
    town.collect(bob)
    bob.dead = True
    town.settle(0.1)
    assert [event.text for event in alice.events if isinstance(event, Notice)] == ["bob joined", "bob left"]
    assert alice.member.presence.alone


def test_what_nobody_has_is_said_to_be_lost() -> None:
    town = Town()
    alice, bob, carol = town.found("alice"), town.join("bob"), town.join("carol")
    town.settle(3)
    town.cut |= {frozenset(("alice", "carol")), frozenset(("bob", "carol"))}
    for number in range(10):
        town.post(alice, str(number))
    town.settle(1)
    alice.dead = True
    log = bob.member.replica.log(alice.keys.session, 0)
    log.trim(3, 1 << 30)
    town.cut.clear()
    town.settle(30)
    assert [event.count for event in carol.events if isinstance(event, Lost)] == [7]
    assert carol.texts == ["7", "8", "9"]


def test_history_that_was_asked_for_before_anybody_could_hear_is_asked_for_again_at_once() -> None:
    town = Town()
    alice = town.found("alice")
    town.post(alice, "before")
    town.cut.add(frozenset(("alice", "bob")))  # the lines are not up yet: what is asked now is lost
    bob = town.join("bob")
    town.settle(0.1)
    town.cut.clear()
    bob.member.replica.fetcher.ask_again(alice.keys.session, town.now)
    bob.member.settle(town.now)
    town.collect(bob)
    town.settle(0.1)
    assert bob.texts == ["before"]


def test_an_answer_that_came_before_the_line_to_its_giver_stood_is_asked_for_again_at_once() -> None:
    town = Town()
    alice = town.found("alice")
    town.post(alice, "before")
    arrive = town.arrive

    def from_bob_only(sender: Citizen, other: Citizen, packet: bytes, way: Way) -> None:
        if sender is not alice:
            arrive(sender, other, packet, way)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(town, "arrive", from_bob_only)
        bob = town.join("bob")
        town.settle(0.1)
    alice.member.gossip.greet(alice.member.peers[bob.keys.session], town.now)  # as whoever begins to hear us is
    town.collect(alice)
    town.settle(0.1)
    assert bob.texts == ["before"]


def test_two_who_do_not_hear_each_other_are_told_by_a_third_where_they_are() -> None:
    town = Town()
    town.found("alice")
    town.cut.add(frozenset(("bob", "carol")))
    bob, carol = town.join("bob"), town.join("carol")
    for citizen in (bob, carol):  # after their sponsor has told the others of them: nobody else hears this
        citizen.member.cards.change(hosts=["127.0.0.1"], pub=5000, sub=5001)
        town.collect(citizen)
    town.settle(INTRODUCE_S + RELAY_AFTER_S + 2)
    for one, other in ((bob, carol), (carol, bob)):
        card = one.member.peers[other.keys.session].card
        assert card is not None
        assert card.pub == 5000


def test_the_only_one_who_could_answer_is_asked_again_after_one_timeout() -> None:
    town = Town()
    alice = town.found("alice")
    town.post(alice, "before")
    town.cut.add(frozenset(("alice", "bob")))
    bob = town.join("bob")
    town.settle(0.1)
    town.cut.clear()
    town.settle(FETCH_TIMEOUT_S + 0.1)
    assert bob.texts == ["before"]


def test_what_a_joiner_says_before_the_history_has_come_is_shown_at_once() -> None:
    for seed in range(4):
        town = Town(seed)
        alice = town.found("alice")
        town.post(alice, "before")
        bob = town.join("bob")
        assert not bob.texts
        town.post(bob, "after")
        assert bob.texts == ["after"]
        town.post(bob, "and more")
        town.settle(5)
        received = [event for event in bob.events if isinstance(event, Received)]
        assert bob.texts == ["after", "and more", "before"]
        assert [(event.own, event.backlog) for event in received] == [(True, False), (True, False), (False, True)]
        assert [message.text for message in alice.heard if hasattr(message, "text")] == ["before", "after", "and more"]


def test_of_two_under_one_name_nobody_is_called_the_new_one() -> None:
    town = Town()
    first, second = town.found("anna"), town.join("anna")
    town.settle(3)
    for one, other in ((first, second), (second, first)):
        (text,) = [event.text for event in one.events if isinstance(event, Warned) and event.kind == "key"]
        assert text == (
            "you and another person are called anna; "
            f"the other has the key {other.member.keyring.fingerprint}: /verify tells more"
        )
    third = town.join("carol")
    town.settle(3)
    keys = " and ".join(sorted(each.member.keyring.fingerprint for each in (first, second)))
    assert f"two persons are called anna, with the keys {keys}: /verify tells more" in [
        event.text for event in third.events if isinstance(event, Warned)
    ]
