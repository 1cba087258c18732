from __future__ import annotations

import pytest

from monitoring.labels import Matcher, MatchOp
from monitoring.promql.grouping import NAMELESS, Groups
from monitoring.services.selection import KnownSelections, Selected
from monitoring.store.series_index import SeriesIndex

pytestmark = pytest.mark.unit

UP = (None, (Matcher("__name__", MatchOp.EQUAL, "up"),))
LOAD = (None, (Matcher("__name__", MatchOp.EQUAL, "load"),))


@pytest.fixture
def known():
    return KnownSelections()


def index_of(*names: str) -> SeriesIndex:
    rows = [(place, 7, None, name, "{}") for place, name in enumerate(names, 1)]
    return SeriesIndex().extended(rows)


def selected(index: SeriesIndex, question) -> Selected:
    return Selected(index, index.matching(question[1], None))


def test_what_was_selected_of_an_index_is_known(known):
    index = index_of("up", "load")
    found = selected(index, UP)

    known.put(1, UP, found)

    assert known.get(1, index, UP) is found
    assert known.get(1, index, LOAD) is None
    assert known.get(2, index, UP) is None


def test_a_newer_index_is_asked_anew(known):
    old, new = index_of("up"), index_of("up", "up")
    known.put(1, UP, selected(old, UP))
    known.put(1, LOAD, selected(old, LOAD))

    assert known.get(1, new, UP) is None

    known.put(1, UP, selected(new, UP))
    assert len(known.get(1, new, UP)) == 2
    assert known.get(1, old, LOAD) is None


def test_no_more_is_kept_than_there_is_room_for(known):
    known.MOST_ROWS = 2
    index = index_of("up", "up", "load")

    known.put(1, UP, selected(index, UP))
    known.put(1, LOAD, selected(index, LOAD))

    assert known.get(1, index, UP) is None
    assert known.get(1, index, LOAD) is not None


def test_a_selection_that_is_too_large_is_not_kept(known):
    known.MOST_ROWS = 1
    index = index_of("up", "up", "load")
    known.put(1, LOAD, selected(index, LOAD))

    known.put(1, UP, selected(index, UP))

    assert known.get(1, index, UP) is None
    assert known.get(1, index, LOAD) is not None


def test_organizations_that_asked_long_ago_are_forgotten(known):
    index = index_of("up")
    for organization in range(KnownSelections.MOST_ORGANIZATIONS + 1):
        known.put(organization, UP, selected(index, UP))

    assert known.get(0, index, UP) is None
    assert known.get(1, index, UP) is not None


def test_what_is_found_out_about_a_selection_is_known_to_the_next_question(known):
    index = index_of("up", "up", "load")
    found = selected(index, UP)

    first, second = found.table([0, 1]), found.table([0, 1])

    assert Groups.of(first, NAMELESS) is Groups.of(second, NAMELESS)
    assert list(first) == [(("__name__", "up"),)] * 2
    assert list(found.table([1])) == [(("__name__", "up"),)]
