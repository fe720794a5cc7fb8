"""Whatever happens, in whatever order: who is left in the end has the same logs, the same roster, key and code."""

from __future__ import annotations

import random

import pytest

from sandpiper.common.errors import Refusal, SandpiperError
from sandpiper.common.messages import Lost
from sandpiper.peer.events import Received
from tests.peer.p2p.simnet import Citizen, Town, Weather

STEPS = 60


class Story:
    """A random one, from a seed."""

    def __init__(self, seed: int) -> None:
        self.dice = random.Random(seed)
        weather = Weather(drop=self.dice.choice([0.0, 0.1, 0.3]), repeat=0.1, delay_s=self.dice.choice([0.0, 0.2]))
        self.town = Town(seed, weather)
        founder = self.town.found("p0", history="all")
        founder.relay = True
        self.names = 1
        self.said = 0

    @property
    def here(self) -> list[Citizen]:
        return [each for each in self.town.citizens if not each.dead]

    @property
    def awake(self) -> list[Citizen]:
        return [each for each in self.here if not each.asleep]

    def run(self) -> None:
        deeds = [self.post] * 8 + [self.join] * 2 + [self.sleep, self.wake, self.die, self.cut, self.mend]
        deeds += [self.kick, self.own, self.change_code, self.leave, self.readmit]
        for _ in range(STEPS):
            self.dice.choice(deeds)()
            self.town.settle(self.dice.choice([0.01, 0.1, 1.0]))
            self.put_out()

    def post(self) -> None:
        citizen = self.dice.choice(self.awake)
        for _ in range(self.dice.randint(1, 5)):
            self.said += 1
            self.town.post(citizen, f"{citizen.name} {self.said}")

    def join(self) -> None:
        if len(self.here) >= 7:
            return
        name = f"p{self.names}"
        self.names += 1
        sponsor = self.dice.choice(self.awake)
        try:
            citizen = self.town.join(name, sponsor.member.context.code, at=[sponsor])
        except SandpiperError:
            return  # its sponsor had an old code, or was put out meanwhile
        citizen.relay = True

    def sleep(self) -> None:
        if len(self.awake) > 2:
            self.dice.choice(self.awake[1:]).asleep = True

    def wake(self) -> None:
        for citizen in self.here:
            citizen.asleep = False

    def die(self) -> None:
        """Never the last one who has something."""
        if len(self.awake) > 3 and self.dice.random() < 0.5:
            self.dice.choice(self.awake[1:]).dead = True

    def leave(self) -> None:
        if len(self.awake) > 3:
            citizen = self.dice.choice(self.awake[1:])
            citizen.member.gossip.say_goodbye()
            self.town.collect(citizen)
            citizen.dead = True

    def cut(self) -> None:
        one, other = self.dice.choice(self.here), self.dice.choice(self.here)
        if one is not other:
            self.town.cut.add(frozenset((one.name, other.name)))

    def mend(self) -> None:
        self.town.cut.clear()

    def kick(self) -> None:
        self._try(lambda citizen, other: citizen.member.removals.kick(other.member.keyring.fingerprint))

    def own(self) -> None:
        self._try(lambda citizen, other: citizen.member.removals.name_owner(other.member.keyring.fingerprint))

    def change_code(self) -> None:
        self._try(lambda citizen, other: citizen.member.removals.change_code())

    def readmit(self) -> None:
        self._try(lambda citizen, other: citizen.member.removals.readmit([other.member.keyring.fingerprint]))

    def let_in_again(self) -> None:
        """Whoever waits, because its sponsor had not heard of a new key, is let in again by the founder."""
        founder = self.here[0]
        for citizen in self.here:
            if citizen.keys.session in founder.member.roster.waiting_sessions():
                founder.member.removals.readmit([citizen.member.keyring.fingerprint])
                self.town.collect(founder)

    def _try(self, deed) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001
        citizen, other = self.dice.choice(self.awake), self.dice.choice(self.here)
        try:
            deed(citizen, other)
        except Refusal:
            return
        self.town.collect(citizen)

    def put_out(self) -> None:
        for citizen in self.here:
            if citizen.member.broken is not None:
                citizen.dead = True


def check(story: Story) -> None:
    """All that is left agrees."""
    members_now = story.here[0].member.roster.members  # the founder's view: nobody removes it
    # Who was removed in its sleep finds every door shut, and has nobody who could tell it why.
    left = [each for each in story.here if each.keys.session in members_now]
    members = [each.member for each in left]
    assert len({member.keyring.epoch.id for member in members}) == 1
    assert len({member.deeds.digest for member in members}) == 1
    assert len({str(member.context.code) for member in members}) == 1
    own = {member.context.run.hex() for member in members}
    logs: dict[str, list[str]] = {}
    for citizen in left:
        heard: dict[str, list[tuple[int, str]]] = {}
        late: dict[str, set[int]] = {}
        for event in citizen.events:
            if isinstance(event, Received):
                message = event.message
                heard.setdefault(message.run, []).append((message.seq, getattr(message, "text", "")))
                late.setdefault(message.run, set()).update([message.seq] if event.late else [])
        persons = {member.keyring.fingerprint for member in members}
        lost = [event for event in citizen.events if isinstance(event, Lost) and event.from_ in persons]
        for run, entries in heard.items():
            seqs = [seq for seq, _ in entries]
            in_order = [seq for seq in seqs if seq not in late[run]]
            assert in_order == sorted(in_order), "in order, but for what had been lost"
            assert len(seqs) == len(set(seqs)), "once"
            assert not lost, "nothing of somebody who is here"
            if run in own:
                assert not late[run]
                assert seqs == list(range(1, len(seqs) + 1)), "no hole in the log of somebody who is here"
                texts = [text for _, text in entries]
                assert logs.setdefault(run, texts) == texts, "the same for everybody"
    here = [peer for member in members for peer in member.peers.values() if peer.here]
    assert all(peer.apart.since is None for peer in here), "nobody's beacon says that its logs stand elsewhere"
    for citizen in left:
        run = citizen.member.context.run.hex()
        assert len(citizen.delivered) == len(logs.get(run, [])) or len(left) == 1


@pytest.mark.parametrize("seed", [*range(40), 262, 309, 384, 394])
def test_random_stories_end_alike(seed: int) -> None:
    story = Story(seed)
    story.run()
    story.wake()
    story.mend()
    story.town.weather = Weather()
    story.town.settle(30)
    story.put_out()
    story.let_in_again()
    story.town.settle(30)
    story.put_out()
    check(story)
