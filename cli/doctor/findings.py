"""The findings of `doctor`, and how they are told."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, Literal

import msgspec

from sandpiper.cli.styled import in_style, one_line
from sandpiper.peer.status import PathInfo

State = Literal["ok", "note", "wrong"]


class Finding(msgspec.Struct, omit_defaults=True):
    """A finding: something is as it should be, worth to know, or wrong. `advice` is one sentence, or empty."""

    about: str
    state: State
    text: str
    advice: str = ""


class Report(msgspec.Struct, tag_field="type", tag="doctor", omit_defaults=True):
    """The whole report. `reachable` is null without a TARGET; `paths` are there with --join."""

    ok: bool
    reachable: bool | None
    findings: list[Finding]
    paths: list[PathInfo] | None = None


_COLOURS: Final = {"ok": "32", "note": "33", "wrong": "31"}
_STATES: Final = max(map(len, _COLOURS))


def lines(report: Report, *, colours: bool = False) -> Iterator[str]:
    """Returns the report's lines for a person: aligned, findings of one subject together, advice below."""
    wide = max((len(each.about) for each in report.findings), default=0)
    before = ""
    for each in report.findings:
        about = "" if each.about == before else each.about
        state = f"{each.state:{_STATES}}"
        if colours:
            state = in_style(_COLOURS[each.state], state)
        yield one_line(f"{about:{wide}}  ", state, "  ", " ".join(each.text.split()))
        if each.advice:
            yield f"{'':{wide + _STATES + 4}}{' '.join(each.advice.split())}"
        before = each.about
    wrong = sum(each.state == "wrong" for each in report.findings)
    yield ""
    yield "nothing is wrong" if not wrong else "one thing is wrong" if wrong == 1 else f"{wrong} things are wrong"


def paths(found: Sequence[PathInfo]) -> list[Finding]:
    """Tells how each member of a room is reached."""
    findings = []
    for each in found:
        rtt = "" if each.rtt_ms is None else f", {each.rtt_ms:.1f} ms"
        text = f"{each.nick}: {each.path}{rtt}" + (f"; {each.error}" if each.error else "")
        if each.path == "none":
            advice = "Name a broker that relays, with --broker HOST:PORT, or open a port for --listen."
            findings.append(Finding("paths", "wrong", text, advice))
        else:
            findings.append(Finding("paths", "ok", text))
    return findings or [Finding("paths", "note", "nobody else is in the room")]
