"""Relabelling, as Prometheus's own documentation and tests have it."""

from __future__ import annotations

import pytest

from sources.connectors.scrape.relabelling import (
    InvalidRelabellingError,
    parse_rules,
    relabel,
)

pytestmark = pytest.mark.unit

GIVEN = {"a": "foo", "b": "bar", "c": "baz"}


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        pytest.param(
            {"source_labels": ["a"], "regex": "f(.*)", "target_label": "d", "replacement": "ch${1}-ch${1}"},
            {**GIVEN, "d": "choo-choo"},
            id="replace",
        ),
        pytest.param(
            {"source_labels": ["a", "b"], "regex": "f(.*);(.*)r", "target_label": "a", "replacement": "b${1}${2}m"},
            {**GIVEN, "a": "boobam"},
            id="replace_by_two_labels",
        ),
        pytest.param({"source_labels": ["a"], "regex": "o+", "target_label": "d", "replacement": "x"}, GIVEN, id="expressions_are_anchored"),
        pytest.param({"regex": "(.*)", "target_label": "d", "replacement": "x"}, {**GIVEN, "d": "x"}, id="without_source"),
        pytest.param({"source_labels": ["a"], "target_label": "a", "replacement": ""}, {"b": "bar", "c": "baz"}, id="an_empty_value_removes"),
        pytest.param(
            {"source_labels": ["a"], "regex": "(?P<x>f)(.*)", "target_label": "${x}_$2", "replacement": "$$$x$9$"},
            {**GIVEN, "f_oo": "$f$"},
            id="names_and_dollars",
        ),
        pytest.param({"source_labels": ["a"], "regex": "foo", "action": "drop"}, None, id="drop"),
        pytest.param({"source_labels": ["a"], "regex": "fo", "action": "drop"}, GIVEN, id="drop_nothing"),
        pytest.param({"source_labels": ["a"], "regex": "f.*", "action": "keep"}, GIVEN, id="keep"),
        pytest.param({"source_labels": ["x"], "regex": ".+", "action": "keep"}, None, id="keep_nothing"),
        pytest.param({"source_labels": ["a"], "target_label": "b", "action": "keepequal"}, None, id="keepequal"),
        pytest.param({"source_labels": ["a"], "target_label": "b", "action": "dropequal"}, GIVEN, id="dropequal"),
        pytest.param({"source_labels": ["c"], "target_label": "d", "action": "hashmod", "modulus": 1000}, {**GIVEN, "d": "976"}, id="hashmod"),
        pytest.param({"regex": "(b.*)", "replacement": "bar_${1}", "action": "labelmap"}, {**GIVEN, "bar_b": "bar"}, id="labelmap"),
        pytest.param({"regex": "(b|c)", "action": "labeldrop"}, {"a": "foo"}, id="labeldrop"),
        pytest.param({"regex": "(b|c)", "action": "labelkeep"}, {"b": "bar", "c": "baz"}, id="labelkeep"),
        pytest.param({"source_labels": ["a"], "target_label": "a", "action": "uppercase"}, {**GIVEN, "a": "FOO"}, id="uppercase"),
        pytest.param({"source_labels": ["a"], "target_label": "d", "action": "Lowercase"}, {**GIVEN, "d": "foo"}, id="lowercase_in_any_case"),
    ],
)  # fmt: skip
def test_a_rule_does_what_it_says(rule, expected):
    assert relabel(GIVEN, parse_rules([rule])) == expected


def test_a_dot_matches_a_newline():
    rules = parse_rules([{"source_labels": ["a"], "regex": "x.y", "action": "keep"}])

    assert relabel({"a": "x\ny"}, rules) == {"a": "x\ny"}


@pytest.mark.parametrize(
    ("configs", "problem"),
    [
        ({}, "Relabelling is a list of rules."),
        ([7], "Rule 1: it is no object."),
        ([{}, {"actoin": "keep"}], "Rule 1: replace needs a target_label."),
        ([{"action": "keep"}, {"actoin": "keep"}], "Rule 2: there is no 'actoin'."),
        ([{"action": "explode"}], "Rule 1: there is no action 'explode'."),
        ([{"action": "keep", "regex": "("}], "Rule 1: regex '(': missing ): (?s:()."),
        ([{"action": "hashmod", "target_label": "a"}], "Rule 1: hashmod needs a modulus other than 0."),
        ([{"action": "labeldrop", "source_labels": ["a"]}], "Rule 1: labeldrop takes regex only."),
        ([{"action": "keep", "source_labels": "a"}], "Rule 1: source_labels must be a list of names."),
        ([{"action": "keep", "regex": ["a"]}], "Rule 1: regex must be a text."),
    ],
)  # fmt: skip
def test_a_rule_that_cannot_be_is_refused(configs, problem):
    with pytest.raises(InvalidRelabellingError) as refused:
        parse_rules(configs)

    assert str(refused.value) == problem
