from __future__ import annotations

import pytest
import yaml

from sources.processing import InvalidRulesError, read_rules
from sources.processing.sections import SECTIONS

pytestmark = pytest.mark.unit

COUNTER = {"name": "m", "type": "counter"}


@pytest.mark.parametrize(
    ("rules", "where", "what"),
    [
        ([], "", "must be an object"),
        ({"filter": []}, "filter", "no such section"),
        ({"filters": {}}, "filters", "must be a list"),
        ({"filters": ["x"]}, "filters[0]", "must be an object"),
        ({"filters": [{"action": "exclude"}]}, "filters[0]", "Say what is kept"),
        ({"filters": [{"contains": "x"}]}, "filters[0].action", "is needed"),
        ({"filters": [{"action": "drop", "contains": "x"}]}, "filters[0].action", "include, exclude"),
        ({"filters": [{"action": "exclude", "matches": "("}]}, "filters[0].matches", "missing )"),
        ({"filters": [{"action": "exclude", "matches": "(?=x)"}]}, "filters[0].matches", "RE2"),
        ({"filters": [{"action": "exclude", "level": "x"}]}, "filters[0].level", "no such key"),
        ({"filters": [{"action": "exclude", "at_least": "bad"}]}, "filters[0].at_least", "one of trace"),
        ({"filters": [{"action": "exclude", "contains": "x"}] * 51}, "filters", "50 at most"),
        ({"sampling": {"rate": 2}}, "sampling.rate", "from 0 to 1"),
        ({"sampling": {"rate": True}}, "sampling.rate", "from 0 to 1"),
        ({"masks": [{}]}, "masks[0]", "either a preset or a pattern"),
        ({"masks": [{"preset": "dna"}]}, "masks[0].preset", "one of email"),
        ({"masks": [{"pattern": "a*"}]}, "masks[0].pattern", "matches the empty text"),
        ({"masks": [{"pattern": "a", "replacement": r"\1"}]}, "masks[0]", "has 0 groups"),
        ({"masks": [{"pattern": "a", "replacement": "\\x"}]}, "masks[0]", "number of a group"),
        ({"labels": {"source": "x"}}, "labels", "always the name"),
        ({"labels": {"a-b": "x"}}, "labels", "no name of a label"),
        ({"promote": [{"field": "a", "label": "0"}]}, "promote[0].label", "no name of a label"),
        ({"promote": [{"field": "9"}]}, "promote[0].label", "no name of a label"),
        ({"promote": [{"field": "a", "most": 9999}]}, "promote[0].most", "1 to 1000"),
        ({"rate_limit": {"burst_seconds": 9}}, "rate_limit", "lines_per_second"),
        ({"rate_limit": {"lines_per_second": 0}}, "rate_limit.lines_per_second", "above 0"),
        ({"metrics": [{**COUNTER, "name": "a b"}]}, "metrics[0].name", "no name of a metric"),
        ({"metrics": [{**COUNTER, "type": "gauge"}]}, "metrics[0]", "needs the field"),
        ({"metrics": [{**COUNTER, "type": "histogram", "value": "x"}]}, "metrics[0]", "buckets"),
        ({"metrics": [{**COUNTER, "buckets": [1]}]}, "metrics[0]", "Only a histogram"),
        ({"metrics": [{**COUNTER, "buckets": [2, 1]}]}, "metrics[0].buckets", "rising"),
        ({"metrics": [{**COUNTER, "labels": {"le": "x"}}]}, "metrics[0].labels", "bounds"),
        ({"metrics": [{**COUNTER, "unit": "ms"}]}, "metrics[0]", "unit is that of a value"),
        ({"metrics": [COUNTER, {"name": "m", "type": "gauge", "value": "x"}]}, "metrics[1].type", "one type"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_where_it_is(rules, where, what):
    with pytest.raises(InvalidRulesError) as caught:
        read_rules(rules)

    ((place, told),) = caught.value.problems
    assert place == where
    assert what in told


@pytest.mark.parametrize("section", SECTIONS, ids=lambda section: section.name)
def test_the_example_of_a_section_is_right(section):
    read_rules({section.name: yaml.safe_load(section.example)})
