from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitoring.labels import make_labels
from monitoring.promql import columns
from monitoring.promql.grouping import (
    EVERYTHING,
    Groups,
    Projection,
    keeping,
    number,
)
from tests.monitoring.promql.memory import table_of

pytestmark = pytest.mark.unit

NAMES = st.sampled_from(["__name__", "env", "job", "pod"])
SETS = st.dictionaries(NAMES, st.sampled_from(["a", "b", "c"])).map(make_labels)
PROJECTIONS = st.builds(Projection, st.frozensets(NAMES), keep=st.booleans())


@given(sets=st.lists(SETS), project=PROJECTIONS)
def test_rows_of_a_table_are_numbered_like_the_label_sets_themselves(sets, project):
    ids, keys = project.numbered(table_of(sets))

    wanted_ids, wanted_keys = number(map(project, sets))
    assert ids.tolist() == wanted_ids.tolist()
    assert keys == wanted_keys


@given(sets=st.lists(SETS), project=PROJECTIONS)
def test_a_table_loses_labels_like_the_label_sets_themselves(sets, project):
    left = project.of_all(table_of(sets))

    assert left == [project(labels) for labels in sets]
    assert EVERYTHING.numbered(left)[1] == list(dict.fromkeys(left))


@given(ours=st.lists(SETS), theirs=st.lists(SETS), project=PROJECTIONS)
def test_two_parts_of_a_table_are_numbered_together(ours, theirs, project):
    table = table_of([*ours, *theirs])
    parts = (
        table.take(np.arange(len(ours))),
        table.take(np.arange(len(ours), len(table))),
    )

    numbered = project.numbered_together(*parts)

    of_lists = project.numbered_together(ours, theirs)
    assert [part.tolist() for part in numbered[:2]] == [
        part.tolist() for part in of_lists[:2]
    ]
    assert numbered[2] == of_lists[2]


@given(sets=st.lists(SETS))
def test_it_is_known_whether_all_rows_differ(sets):
    assert table_of(sets).all_differ() is (len(set(sets)) == len(sets))


def test_of_a_grouping_into_too_many_groups_nothing_is_kept(monkeypatch):
    monkeypatch.setattr(columns, "_LARGEST_KNOWN", 1)
    table = table_of([make_labels({"job": job}) for job in "aab"])
    by_job, all_in_one = keeping(["job"]), keeping([])

    assert Groups.of(table, by_job) is not Groups.of(table, by_job)
    assert Groups.of(table, all_in_one) is Groups.of(table, all_in_one)


def test_codes_of_so_many_values_that_they_fit_no_number_are_told_apart(monkeypatch):
    monkeypatch.setattr(columns, "_LARGEST_KEY", 4)
    sets = [
        make_labels({"env": env, "job": job, "pod": pod})
        for env in "abc"
        for job in "abc"
        for pod in "abc"
    ]

    ids, keys = EVERYTHING.numbered(table_of(sets))

    assert ids.tolist() == list(range(27))
    assert keys == sets


def test_a_row_without_a_label_has_the_empty_value():
    table = table_of([make_labels({"job": "a"}), make_labels({"env": "b"})])

    assert columns.values_of(table, "job", np.arange(2)) == {"", "a"}
    assert columns.values_of(table, "job", np.arange(1)) == {"a"}
    assert columns.values_of(table, "pod", np.arange(1)) == {""}
    assert columns.values_of(list(table), "job", np.arange(2)) == {"", "a"}
