"""What a decoder answers to garbage."""

from __future__ import annotations

from collections.abc import Callable

from sandpiper.common.errors import Refusal


def refusal_of(call: Callable[..., object], *given: object) -> Refusal | None:
    """The refusal that the call raised, None if it raised none. Any other exception goes on."""
    try:
        call(*given)
    except Refusal as refusal:
        return refusal
    return None
