from __future__ import annotations

import pytest
import re2
from hypothesis import given, settings
from hypothesis import strategies as st

from monitoring.telemetry import Level
from sources.processing.applying import KEPT
from sources.processing.rules import Condition, Filter, Rules
from tests.sources.processing.rows import applied, batch_of, kept

pytestmark = pytest.mark.unit

ROWS = [
    {"line": "GET /healthz", "path": "/healthz", "level": Level.DEBUG},
    {"line": "GET /buy", "path": "/buy", "level": Level.ERROR},
    {"line": "no path", "level": Level.UNKNOWN},
]


@pytest.mark.parametrize(
    ("filters", "left"),
    [
        pytest.param([{"action": "exclude", "contains": "/healthz"}], [1, 2], id="exclude"),
        pytest.param([{"action": "include", "contains": "GET"}], [0, 1], id="include"),
        pytest.param([{"action": "include", "matches": "^GET /b"}], [1], id="regex"),
        pytest.param([{"action": "exclude", "matches": "healthz|buy"}], [2], id="texts"),
        pytest.param([{"action": "exclude", "field": "path"}], [2], id="has_field"),
        pytest.param([{"action": "include", "field": "path", "matches": "y$"}], [1], id="field"),
        pytest.param([{"action": "exclude", "field": "none", "contains": "x"}], [0, 1, 2], id="no_field"),
        pytest.param([{"action": "include", "at_least": "info"}], [1], id="at_least"),
        pytest.param([{"action": "exclude", "at_most": "debug"}], [1], id="at_most"),
        pytest.param(
            [{"action": "include", "contains": "GET"}, {"action": "exclude", "contains": "buy"}],
            [0],
            id="all_must_agree",
        ),
    ],
)  # fmt: skip
def test_filters_keep_what_they_say(filters, left):
    outcome = applied({"filters": filters}, batch_of(ROWS))

    assert kept(outcome) == [ROWS[i]["line"] for i in left]
    assert outcome.filtered == len(ROWS) - len(left)


def test_the_first_filter_that_drops_a_line_is_to_blame():
    filters = [{"action": "exclude", "contains": t} for t in ("nothing", "GET", "buy")]

    outcome = applied({"filters": filters}, batch_of(ROWS))

    assert outcome.fate.tolist() == [1, 1, KEPT]


TEXTS = st.text("ab|x.é\n", max_size=6)
CONDITIONS = st.builds(
    Condition,
    contains=st.sampled_from(["", "a", "ab", "|"]),
    matches=st.sampled_from(["", "a|b", "^x", "[ab]{2}", r"\.", "é"]),
    field=st.sampled_from(["", "f"]),
    at_least=st.sampled_from([None, Level.INFO, Level.ERROR]),
    at_most=st.sampled_from([None, Level.WARN]),
)
LINES = st.fixed_dictionaries(
    {"line": TEXTS, "level": st.sampled_from(list(Level)), "f": st.none() | TEXTS}
)


def slowly(condition, row) -> bool:
    text = row["f"] if condition.field else row["line"]
    if condition.field and text is None:
        return False
    level = row["level"]
    return (
        (condition.at_least is None or level >= condition.at_least)
        and (condition.at_most is None or level <= condition.at_most)
        and condition.contains in text
        and (not condition.matches or re2.search(condition.matches, text) is not None)
    )


@settings(deadline=None, max_examples=30)
@given(
    st.lists(st.builds(Filter, st.booleans(), CONDITIONS), max_size=3),
    st.lists(LINES, min_size=1, max_size=8),
)
def test_filters_in_bulk_do_what_filters_line_by_line_do(filters, rows):
    outcome = applied(Rules(filters=tuple(filters)), batch_of(rows))

    assert kept(outcome) == [
        row["line"]
        for row in rows
        if all(slowly(f.condition, row) == f.keeps for f in filters)
    ]
