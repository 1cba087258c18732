from __future__ import annotations

import pytest

from alerts.services.rule_drafts import InvalidRuleError, written_matcher

pytestmark = pytest.mark.unit


def test_an_invalid_rule_says_all_that_is_wrong_in_sentences():
    levels = [{}, {"threshold": ["Give a finite number."]}]

    error = InvalidRuleError({"name": ["Give a name."], "levels": levels})

    assert str(error) == "Give a name.; Give a finite number."


@pytest.mark.parametrize(
    ("text", "matcher"),
    [
        ('source="app"', {"name": "source", "op": "=", "value": "app"}),
        (" level =~ a|b ", {"name": "level", "op": "=~", "value": "a|b"}),
        ("1st=a", None),
        ("", None),
    ],
)
def test_a_matcher_is_read_with_or_without_quotes(text, matcher):
    assert written_matcher(text) == matcher
