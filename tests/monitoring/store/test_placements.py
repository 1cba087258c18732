from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitoring.store import placements as placing
from monitoring.store.line_templates import Slot, Template
from monitoring.store.placements import How, Test, placements

pytestmark = pytest.mark.unit

ACCESS = Template(
    ("", ' "', " ", '" ', ""), tuple(map(Slot, ["client", "method", "path", "status"]))
)


@pytest.mark.parametrize(
    ("text", "placed"),
    [
        (
            '"GET /',
            (Test("method", How.EQUALS, "GET"), Test("path", How.STARTS, "/")),
        ),
        ('" 50', (Test("status", How.STARTS, "50"),)),
        ("/cart", (Test("path", How.CONTAINS, "/cart"),)),
        ('rt" 5', (Test("path", How.ENDS, "rt"), Test("status", How.STARTS, "5"))),
    ],
)
def test_a_text_across_literals_asks_the_values_beside_them(text, placed):
    assert placed in (placements(ACCESS, text) or ())


def test_a_text_of_a_literal_is_in_every_line():
    assert placements(ACCESS, '" ') == ((),)


WORD = st.text("ab-", max_size=2)


@given(
    literals=st.tuples(WORD, WORD, WORD, WORD),
    values=st.tuples(WORD, WORD, WORD),
    text=st.text("ab-", min_size=1, max_size=6),
)
def test_a_text_is_in_a_line_if_one_of_its_placements_holds(literals, values, text):
    template = Template(literals, tuple(map(Slot, "xyz")))
    of = dict(zip("xyz", values, strict=True))
    line = "".join(
        literal + value for literal, value in zip(literals, [*values, ""], strict=True)
    )

    found = placements(template, text)

    if found is not None:
        holds = any(all(t.holds(of[t.column]) for t in place) for place in found)
        assert holds == (text in line)


def test_a_text_that_may_stand_anywhere_is_not_placed(monkeypatch):
    monkeypatch.setattr(placing, "MAX_STEPS", 50)
    template = Template(("",) * 9, tuple(map(Slot, "abcdefgh")))

    assert placements(template, "x" * 40) is None
