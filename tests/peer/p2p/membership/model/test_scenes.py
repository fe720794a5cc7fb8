"""Named quarrels and attacks, and what becomes of them. F founded the room, A and B are owners below, A senior to B."""

from __future__ import annotations

from sandpiper.common.p2p.deeds import Deed
from sandpiper.peer.p2p.membership.branches import Branches
from sandpiper.peer.p2p.membership.graph import DeedGraph
from sandpiper.peer.p2p.membership.level import FOUNDER, PLAIN
from sandpiper.peer.p2p.membership.room_key import RoomKey
from tests.peer.p2p.membership.model.world import (
    ADMIT,
    FOUND,
    NOTE,
    OWN,
    READMIT,
    REKEY,
    ROOT,
    deed,
    letters,
    person,
    ranks,
    room_of,
)

NAME_A = deed(OWN, "F", [ROOT], "A", number=1)
NAME_B = deed(OWN, "F", [NAME_A], "B", number=2)
W_IN = deed(ADMIT, "A", [NAME_B], "W")
V_IN = deed(ADMIT, "B", [W_IN], "V")
BASE = [ROOT, NAME_A, NAME_B, W_IN, V_IN]


def members(*more: Deed) -> str:
    return "".join(sorted(ranks(room_of([*BASE, *more]))))


def key_of(*more: Deed) -> RoomKey:
    return RoomKey(room_of([*BASE, *more]))


def waiting(*more: Deed) -> str:
    return "".join(sorted(letters(each) for each in key_of(*more).waiting()))


def test_a_removed_member_does_not_bring_in_others_or_himself_with_an_old_date() -> None:
    removal = deed(REKEY, "B", [V_IN], "W", names="FABV")
    assert members(removal, deed(ADMIT, "W", [W_IN], "S"), deed(ADMIT, "W", [W_IN], "W")) == "ABFV"


def test_a_removed_member_removes_nobody() -> None:
    """Not even with an old date, and not the creator: fault 1."""
    removal = deed(REKEY, "B", [V_IN], "W", names="FABV")
    evil = [deed(REKEY, "W", [W_IN], each) for each in "FABV"]
    graph = room_of([*BASE, removal, *evil])
    assert "".join(ranks(graph)) == "ABFV"
    assert [node.level for node in graph.nodes()[-4:]] == [None] * 4


def test_a_plain_member_does_not_remove_whom_it_let_in() -> None:
    """Fault 1b."""
    s_in = deed(ADMIT, "W", [V_IN], "S")
    again = deed(ADMIT, "W", [V_IN], "S", number=1)
    assert members(s_in, again, deed(REKEY, "W", [s_in], "S")) == "ABFSVW"


def test_who_is_let_in_by_the_old_code_waits_until_somebody_who_knows_lets_it_in() -> None:
    """Fault 8: kicked, and back with the old code at a member that slept."""
    removal = deed(REKEY, "B", [V_IN], "W", names="FABV")
    asleep = deed(ADMIT, "V", [V_IN], "S")
    by_it = deed(ADMIT, "S", [asleep, removal], "T")
    assert members(removal, asleep, by_it) == "ABFSTV"
    assert waiting(removal, asleep, by_it) == "ST"
    knowing = deed(ADMIT, "V", [asleep, removal], "S")
    assert waiting(removal, asleep, by_it, knowing) == "T"
    assert waiting(removal, asleep, deed(REKEY, "F", [removal, asleep], names="FABV")) == "S"


def test_the_removed_person_himself_is_not_back_at_a_member_that_slept() -> None:
    removal = deed(REKEY, "B", [V_IN], "W", names="FABV")
    assert members(removal, deed(ADMIT, "V", [V_IN], "W")) == "ABFV"


def test_of_two_owners_that_remove_each_other_the_senior_stays() -> None:
    """Fault 2: and what the junior's removal did besides is nothing either, wherever one hears it first."""
    by_a = deed(REKEY, "A", [V_IN], "B", names="FAVW")
    by_b = deed(REKEY, "B", [V_IN], "AW", names="FBV")
    assert members(by_a, by_b) == members(by_b, by_a) == "AFVW"


def test_a_removed_owner_does_not_remove_everybody_with_an_old_date() -> None:
    removal = deed(REKEY, "F", [V_IN], "A", names="FBVW")
    assert members(removal, deed(REKEY, "A", [V_IN], "BVW", names="A")) == "BFVW"


def test_a_key_for_nobody_is_ended_by_another_owner() -> None:
    stall = deed(REKEY, "B", [NAME_B], names="B")
    assert waiting(stall) == "AFVW"
    key = key_of(stall)
    assert {letters(each) for each in key.holders(person("A"))} == set("FABVW")
    assert waiting(stall, deed(REKEY, "A", [V_IN, stall], names="FABVW")) == ""


def test_two_halves_that_made_three_keys_each_have_all_of_them_in_the_mix() -> None:
    one, other, made = [V_IN], [V_IN], []
    for n in range(3):
        one = [deed(REKEY, "A", one, "x", names="FABVW", number=n)]
        other = [deed(REKEY, "B", other, "y", names="FABVW", number=n)]
        made += one + other
    key = key_of(*made)
    assert {head.deed.id for head in key.heads()} == {one[0].id, other[0].id}
    assert not key.waiting()


def test_one_who_is_out_by_one_half_lacks_that_halfs_secret() -> None:
    by_a, by_b = deed(REKEY, "A", [V_IN], "W", names="FABV"), deed(REKEY, "B", [V_IN], "V", names="FABW")
    key = key_of(by_a, by_b)
    assert "".join(ranks(room_of([*BASE, by_a, by_b]))) == "ABF"
    assert key.is_due()  # the two together could read on
    assert not key_of(by_a, by_b, deed(REKEY, "F", [by_a, by_b], names="FAB")).is_due()


def test_whom_a_removed_one_let_in_before_stay_if_the_removal_knew_of_them() -> None:
    more = [deed(ADMIT, "W", [W_IN], (f"h{n}",)) for n in range(20)]
    assert len(ranks(room_of([*BASE, *more, deed(REKEY, "F", [V_IN], "W")]))) == 4
    assert len(ranks(room_of([*BASE, *more, deed(REKEY, "F", [V_IN, *more], "W")]))) == 24


def test_who_is_out_by_his_sponsor_is_let_in_again_by_any_member() -> None:
    lost = deed(ADMIT, "W", [W_IN], "S")
    removal = deed(REKEY, "F", [V_IN], "W", names="FABV")
    assert members(lost, removal) == "ABFV"
    assert members(lost, removal, deed(ADMIT, "V", [lost, removal], "S")) == "ABFSV"


def test_an_owner_who_is_being_removed_names_nobody() -> None:
    removal = deed(REKEY, "F", [V_IN], "A", names="FBVW")
    assert members(removal, deed(OWN, "A", [V_IN], "C", number=1)) == "BFVW"


def test_whom_a_removed_owner_removed_is_back_when_the_removals_were_concurrent() -> None:
    """Promised, and said to the owner: rule 11."""
    kick = deed(REKEY, "B", [V_IN], "W", names="FABV")
    assert members(kick, deed(REKEY, "A", [V_IN], "B", names="FAVW")) == "AFVW"
    assert members(kick, deed(REKEY, "A", [kick], "B", names="FAV")) == "AFV"


def test_a_removal_is_forgiven_by_an_owner_not_below_its_writer_alone() -> None:
    kick = deed(REKEY, "A", [V_IN], "W", names="FABV")
    assert members(kick, deed(READMIT, "B", [kick], "W")) == "ABFV"
    assert members(kick, deed(READMIT, "A", [kick], "W")) == "ABFVW"
    assert members(kick, deed(READMIT, "F", [kick], "W")) == "ABFVW"
    assert members(kick, deed(OWN, "A", [kick], "W", number=7)) == "ABFVW"
    assert members(kick, deed(ADMIT, "F", [kick], "W")) == "ABFV"
    assert members(kick, deed(READMIT, "F", [V_IN], "W")) == "ABFV"  # it did not know of the removal


def test_one_branch_does_not_fill_the_room() -> None:
    """Fault 6d: a thousand invented people count for a quarter of it."""
    graph = room_of([*BASE, *(deed(ADMIT, "W", [V_IN], (f"z{n}",)) for n in range(1000))])
    assert len(graph.members) == 1005
    assert not Branches(graph).is_full(64, graph.members)
    assert Branches(graph).is_full(5, graph.members)


def test_who_came_in_by_one_alone_is_listed_with_it() -> None:
    s_in = deed(ADMIT, "W", [V_IN], "S")
    t_in = deed(ADMIT, "S", [s_in], "T")
    u_in = deed(ADMIT, "T", [t_in], "U")
    graph = room_of([*BASE, s_in, t_in, u_in, deed(ADMIT, "B", [u_in], "T")])
    assert {letters(each) for each in Branches(graph).only_by(person("W"))} == {"S"}
    assert {letters(each) for each in Branches(graph).only_by(person("S"))} == set()


def test_demotion_is_removal_and_readmission() -> None:
    removal = deed(REKEY, "F", [V_IN], "A", names="FBVW")
    graph = room_of([*BASE, removal, deed(READMIT, "F", [removal], "A")])
    assert graph.rank(person("A")) == PLAIN
    assert graph.rank(person("F")) == FOUNDER


def test_of_a_chain_of_removals_the_senior_ends_the_rest() -> None:
    c_in = deed(OWN, "B", [V_IN], "C", number=1)
    chain = [deed(REKEY, "F", [c_in], "A"), deed(REKEY, "A", [c_in], "B"), deed(REKEY, "B", [c_in], "C")]
    assert members(c_in, *chain) == "BFVW"


def test_the_founder_is_removed_by_nobody() -> None:
    assert members(*(deed(REKEY, who, [V_IN], "F", names="ABVW") for who in "ABWF")) == "ABFVW"


def test_another_founding_is_another_room() -> None:
    """Fault 4: nobody takes the name of a room, for it is the hash of its founding."""
    other = deed(FOUND, "W", [])
    assert DeedGraph(other).room != room_of(BASE).room


def test_an_unknown_kind_counts_as_a_note_and_gives_nothing() -> None:
    note = deed(NOTE, "W", [V_IN])
    graph = room_of([*BASE, note])
    assert graph.level(note.id) == PLAIN
    assert graph.tips() == [note.id]
    assert "".join(ranks(graph)) == "ABFVW"


def test_a_naming_outlasts_the_removal_of_the_sponsor() -> None:
    """No owner hangs on whom he came in by."""
    s_in = deed(ADMIT, "W", [V_IN], "S")
    named = deed(OWN, "F", [s_in], "S", number=3)
    assert members(s_in, named, deed(REKEY, "F", [V_IN], "W")) == "ABFSV"


def test_a_junior_does_not_outdo_a_senior_by_grinding_ids() -> None:
    """A namer orders only his own namees: the number first, then the hash; A stays senior whatever B's namees try."""
    tried = [deed(OWN, "B", [V_IN], "S", number=n) for n in range(50)]
    graph = room_of([*BASE, *tried])
    first, second, third = (graph.rank(person(each)) for each in "ABS")
    assert first is not None
    assert second is not None
    assert third is not None
    assert first < second < third
