from __future__ import annotations

import pytest

from monitoring.live.filters import InvalidFilterError, compile_filter

pytestmark = pytest.mark.unit

LINE = {
    "line": "Payment FAILED for order 7",
    "level": "error",
    "source": "checkout",
    "labels": {"env": "prod"},
    "fields": {"order": "7"},
}


@pytest.mark.parametrize(
    ("wanted", "passes"),
    [
        pytest.param({"contains": "FAILED for"}, True, id="contains_the_text"),
        pytest.param({"contains": "failed"}, False, id="contains_minds_case"),
        pytest.param({"contains": "refunded"}, False, id="contains_other_text"),
        pytest.param({"min_level": "warn"}, True, id="worse_than_the_least_level"),
        pytest.param({"min_level": "fatal"}, False, id="milder_than_the_least_level"),
        pytest.param({"level": ["error", "fatal"]}, True, id="one_of_several"),
        pytest.param({"level": "info"}, False, id="another_value"),
        pytest.param({"source": "checkout"}, True, id="equal"),
        pytest.param({"labels": {"env": "prod"}}, True, id="label"),
        pytest.param({"labels": {"env": "dev"}}, False, id="other_label"),
        pytest.param({"labels": {"region": "eu"}}, False, id="absent_label"),
        pytest.param({"fields": {"order": ["7", "8"]}}, True, id="field"),
        pytest.param(
            {"source": "checkout", "level": "info"}, False, id="all_must_hold"
        ),
    ],
)
def test_a_filter_passes_what_it_names(wanted, passes):
    assert compile_filter(wanted)(LINE) is passes


@pytest.mark.parametrize("wanted", [None, {}])
def test_no_filter_passes_everything(wanted):
    assert compile_filter(wanted) is None


@pytest.mark.parametrize(
    "wanted",
    [
        "error",
        ["error"],
        {"contains": 7},
        {"contains": "x" * 1001},
        {"min_level": "loud"},
        {"labels": "prod"},
        {"source": {"name": "x"}},
        {str(n): n for n in range(21)},
    ],
)
def test_what_cannot_be_filtered_by_is_refused(wanted):
    with pytest.raises(InvalidFilterError):
        compile_filter(wanted)
