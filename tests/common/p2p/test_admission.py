from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandpiper.common.p2p import admission
from sandpiper.common.p2p.admission import Application, Letter, More, Welcome
from tests.common.p2p.examples import all_letters
from tests.common.refusals import refusal_of


@pytest.mark.parametrize("letter", all_letters(), ids=lambda letter: type(letter).__name__)
def test_letters_and_what_they_seal_read_back(letter: Any) -> None:
    body = admission.encode(letter)
    if isinstance(letter, Letter):
        assert admission.decode_letter(body) == letter
    else:
        assert admission.decode(type(letter), body) == letter


@given(st.binary(max_size=200))
def test_of_garbage_nothing_but_refusals_comes(raw: bytes) -> None:
    refusals = [refusal_of(admission.decode, kind, raw) for kind in (Application, Welcome, More)]
    for refusal in (refusal_of(admission.decode_letter, raw), *refusals):
        assert refusal is None or refusal.text.startswith("not a letter: ")
