from __future__ import annotations

from pathlib import Path

import pytest

from tests.monitoring.logql.checking import (
    check,
    check_in_other_chunks,
    check_in_range,
    check_written_again,
)
from tests.monitoring.logql.script import Case, read_script

pytestmark = pytest.mark.unit

SCRIPTS = sorted(Path(__file__).with_name("scripts").glob("*.test"))
CASES = [case for path in SCRIPTS for case in read_script(path)]
ALL_CASES = pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])


@ALL_CASES
def test_every_eval_answers_what_its_script_expects(case: Case):
    check(case)


@ALL_CASES
def test_every_way_to_ask_has_the_same_answer(case: Case):
    check_in_range(case)
    check_in_other_chunks(case)
    check_written_again(case)


def test_the_scripts_hold_at_least_four_hundred_evals():
    assert len(CASES) >= 400
