from __future__ import annotations

from pathlib import Path

import pytest

from tests.monitoring.promql.checking import check, check_in_range
from tests.monitoring.promql.script import Case, read_script

pytestmark = pytest.mark.unit

SCRIPTS = sorted(Path(__file__).with_name("scripts").glob("*.test"))
CASES = [case for path in SCRIPTS for case in read_script(path)]


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_every_eval_answers_what_its_script_expects(case: Case):
    check(case)


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_a_range_query_answers_each_step_as_an_instant_would(case: Case):
    check_in_range(case)


def test_the_scripts_hold_at_least_six_hundred_evals():
    assert len(CASES) >= 600
