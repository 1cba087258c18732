"""`manage.py test_rules`, next to Debian's promtool where that is installed."""

from __future__ import annotations

import contextlib
import io
import json
import shutil
import subprocess

import pytest
from django.core.management import CommandError, call_command

pytestmark = pytest.mark.unit

RULES = {
    "groups": [
        {
            "name": "down",
            "rules": [
                {"record": "job:up:sum", "expr": "sum by (job) (up)"},
                {
                    "alert": "Down",
                    "expr": "up == 0",
                    "for": "5m",
                    "labels": {"severity": "page", "team": "{{ $labels.job }}s"},
                    "annotations": {
                        "summary": "{{ $labels.instance }} of "
                        '{{ query "count(up)" | first | value }} is {{ $value }}'
                    },
                },
            ],
        },
        {
            "name": "above",
            "rules": [{"record": "up:ratio", "expr": "job:up:sum / 3"}],
        },
    ]
}
SERIES = [
    {"series": 'up{job="api", instance="a"}', "values": "1x3 0x10"},
    {"series": 'up{job="api", instance="b"}', "values": "1x13"},
    {"series": 'gone{job="api"}', "values": "1 2 stale _x2 7"},
]
ALERT = {
    "exp_labels": {"severity": "page", "team": "apis", "job": "api", "instance": "a"},
    "exp_annotations": {"summary": "a of 2 is 0"},
}


@pytest.fixture
def run(tmp_path):
    """Return what runs one test; what the tests hold is JSON, which is YAML."""
    (tmp_path / "rules.yml").write_text(json.dumps(RULES))

    def run(test: dict, **file: object) -> str:
        document = {"rule_files": ["rules.yml"], "evaluation_interval": "1m", **file}
        document["tests"] = [{"interval": "1m", "input_series": SERIES, **test}]
        path = tmp_path / "test.yml"
        path.write_text(json.dumps(document))
        out = io.StringIO()
        with contextlib.suppress(CommandError):
            call_command("test_rules", path, stdout=out)
        said = out.getvalue().replace(str(path), "test.yml")
        _compare_with_promtool(path, said)
        return said

    return run


def _compare_with_promtool(path, said: str) -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        return
    command = [promtool, "test", "rules", path]
    passed = subprocess.run(command, capture_output=True, check=False).returncode == 0
    assert passed is ("SUCCESS" in said), said


def alerts(at: str, *expected: dict) -> dict:
    asked = {"eval_time": at, "alertname": "Down", "exp_alerts": list(expected)}
    return {"alert_rule_test": [asked]}


def expr(text: str, at: str, **samples: float) -> dict:
    """Samples are named by their instance or job: `a`, or `api`."""
    expected = [{"labels": labels, "value": value} for labels, value in samples.items()]
    return {
        "promql_expr_test": [{"expr": text, "eval_time": at, "exp_samples": expected}]
    }


@pytest.mark.parametrize(
    "test",
    [
        alerts("8m59s"),
        alerts("9m", ALERT),
        alerts("13m", ALERT),
        expr("job:up:sum", "3m", **{'job:up:sum{job="api"}': 2}),
        expr("up:ratio", "4m", **{'up:ratio{job="api"}': 0.3333333333333333}),
        expr("gone", "1m", **{'gone{job="api"}': 2}),
        expr("gone", "2m"),
        expr("gone", "5m30s", **{'gone{job="api"}': 7}),
        expr('sum(ALERTS{alertstate="pending"})', "5m", **{"{}": 1}),
        expr('sum(ALERTS{alertstate="firing"})', "9m", **{"{}": 1}),
        expr("ALERTS_FOR_STATE - 240 == 0", "9m", **{
            '{alertname="Down",severity="page",team="apis",job="api",instance="a"}': 0
        }),
        expr("1 + 1", "0", **{"{}": 2}),
    ],
    ids=str,
)  # fmt: skip
def test_what_rules_do_is_as_expected(run, test):
    # Where nobody says so, promtool takes groups in any order.
    said = run(test, group_eval_order=["down", "above"])

    assert said == "test.yml: SUCCESS\n"


def test_another_alert_than_expected_is_shown_beside_it(run):
    said = run(alerts("9m", {**ALERT, "exp_annotations": {"summary": "b"}}))

    labels = 'alertname="Down", instance="a", job="api", severity="page", team="apis"'
    assert said.splitlines() == [
        "test.yml: FAILED",
        "  test 1: alertname Down, time 9m",
        "    expected:",
        f'      {{{labels}}} annotations {{summary="b"}}',
        "    got:",
        f'      {{{labels}}} annotations {{summary="a of 2 is 0"}}',
    ]


def test_other_samples_than_expected_are_shown_beside_them(run):
    said = run({"name": "sums", **expr("sum(up)", "1m", **{"{}": 3})})

    assert said.splitlines()[1:] == [
        "  sums: expr 'sum(up)', time 1m",
        "    expected:",
        "      {} 3",
        "    got:",
        "      {} 2",
    ]


def test_nothing_where_something_is_expected_is_a_failure(run):
    said = run(alerts("1m", ALERT))

    assert "got: nothing" in said


@pytest.mark.parametrize(
    ("order", "at_first"),
    [
        (["down", "above"], {'up:ratio{job="api"}': 0.6666666666666666}),
        (["above", "down"], {}),
    ],
)
def test_groups_are_evaluated_in_the_order_that_is_given(run, order, at_first):
    test = expr("up:ratio", "0", **at_first)

    assert run(test, group_eval_order=order) == "test.yml: SUCCESS\n"


def test_a_rule_that_fails_is_told_with_its_time(run, tmp_path):
    rule = {"record": "x", "expr": "up * on (job) up"}
    groups = [{"name": "bad", "rules": [rule]}]
    (tmp_path / "rules.yml").write_text(json.dumps({"groups": groups}))

    said = run(expr("x", "0"))

    assert "test 1: rule x, time 0s: found duplicate series" in said


@pytest.mark.parametrize(
    ("test", "problem"),
    [
        ({"surprise": "1"}, "unknown key “surprise”"),
        ({"input_series": [{"series": "up", "values": "{{sum:1}}"}]}, "native"),
        ({"input_series": [{"series": "up +", "values": "1"}]}, "is no series"),
        ({"input_series": ["up"]}, "“input_series” must hold mappings"),
        ({"input_series": "up"}, "“input_series” must be a list"),
        (expr("up", "soon"), "“eval_time”: “soon” is no duration"),
        (expr("up{", "1m"), "expr 'up{', time 1m"),
        (expr("up", "200000m"), "more than 100000 evaluations"),
        ({"alert_rule_test": [{"eval_time": "1m"}]}, "needs an “alertname”"),
    ],
)
def test_what_is_wrong_with_a_test_is_said(tmp_path, test, problem):
    path = tmp_path / "test.yml"
    path.write_text(json.dumps({"tests": [{"interval": "1m", **test}]}))
    out = io.StringIO()

    with pytest.raises(CommandError):
        call_command("test_rules", path, stdout=out)

    assert problem in out.getvalue()


def test_numbers_are_written_as_yaml_has_them(run, tmp_path):
    path = tmp_path / "numbers.yml"
    path.write_text("""
tests:
- promql_expr_test:
  - {expr: vector(NaN), exp_samples: [{value: .nan}]}
  - {expr: vector(-Inf), exp_samples: [{labels: "{}", value: -.inf}]}
  - {expr: vector(1e3), exp_samples: [{value: 1e+03}]}
""")
    out = io.StringIO()

    call_command("test_rules", path, stdout=out)

    assert out.getvalue() == f"{path}: SUCCESS\n"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("- 1", "a file of tests has the keys"),
        ("rule_files: [nowhere.yml]", "there is no rule file “nowhere.yml”"),
        ("rule_files: [test.yml]", "test.yml: the file must have the key “groups”"),
        ("tests: {", "line 2: did not find"),
    ],
)
def test_what_is_wrong_with_a_file_is_said(tmp_path, text, problem):
    path = tmp_path / "test.yml"
    path.write_text(text)
    out = io.StringIO()

    with pytest.raises(CommandError):
        call_command("test_rules", path, stdout=out)

    assert problem in out.getvalue()
