from __future__ import annotations

import pytest

from tests.sources.processing.rows import applied, batch_of

pytestmark = pytest.mark.unit


def streams_of_lines(outcome) -> list[dict[str, str]]:
    streams = outcome.batch.streams
    return [
        {k: v for k, v in streams[i] if k != "source"}
        for i in outcome.batch.table.column("stream").to_pylist()
    ]


def test_fixed_labels_are_put_on_every_stream_unless_the_sender_says_otherwise():
    rules = {"labels": {"tier": "web", "env": "prod"}}

    outcome = applied(rules, batch_of([{"line": "x"}], env="test"))

    assert streams_of_lines(outcome) == [{"tier": "web", "env": "test"}]


def test_a_field_becomes_a_label_with_a_bounded_number_of_values():
    rows = [{"line": "x", "app": app} for app in ("a", None, "b", "c", "a")]
    rules = {"promote": [{"field": "app", "label": "app", "most": 2}]}

    outcome = applied(rules, batch_of(rows))

    assert streams_of_lines(outcome) == [
        {"app": "a"},
        {},
        {"app": "b"},
        {"app": "other"},
        {"app": "a"},
    ]


def test_a_stream_stands_in_a_batch_once():
    rows = [{"line": "x", "app": app} for app in ("c", "d")]
    rules = {"promote": [{"field": "app", "most": 1}], "masks": [{"preset": "email"}]}

    outcome = applied(rules, batch_of(rows))

    assert len(outcome.batch.streams) == len(set(outcome.batch.streams)) == 2
