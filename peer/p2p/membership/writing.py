"""Writing deeds: each names all that its writer knows."""

from __future__ import annotations

from nacl.signing import SigningKey

from sandpiper.common.errors import Code, Refusal
from sandpiper.common.limits import DEED_TIPS
from sandpiper.common.p2p.deeds import AnyDeedSaid, Deed, Note, sign
from sandpiper.peer.p2p.membership.graph import DeedGraph


def write_deed(graph: DeedGraph, identity: SigningKey, said: AnyDeedSaid) -> list[Deed]:
    """Writes a deed on all that is here and takes it in; before it notes, if there are more tips than one can name.

    Raises Refusal, with nothing taken in, for a deed that would not count.
    """
    written: list[Deed] = []
    while len(tips := graph.tips()) > DEED_TIPS:
        written.append(_entered(graph, sign(identity, graph.room, tips[:DEED_TIPS], Note())))
    written.append(_entered(graph, sign(identity, graph.room, tips, said)))
    return written


def _entered(graph: DeedGraph, deed: Deed) -> Deed:
    if graph.judge(deed) is None:
        raise Refusal(Code.INVALID, "only a member may do this, or only an owner")
    graph.add(deed)
    return deed
