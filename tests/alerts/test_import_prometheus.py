from __future__ import annotations

from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from alerts.models import Rule, RuleGroup

pytestmark = [pytest.mark.integration, pytest.mark.django_db]

FILE = """
groups:
- name: web
  interval: 30s
  rules:
  - record: job:up:sum
    expr: sum by (job) (up)
  - alert: Down
    expr: up == 0
    for: 5m
"""


@pytest.fixture
def rule_file(tmp_path):
    path = tmp_path / "shop.rules.yml"
    path.write_text(FILE)
    return path


def run(*arguments):
    out, err = StringIO(), StringIO()
    call_command(
        "import_prometheus",
        *map(str, arguments),
        organization="acme",
        stdout=out,
        stderr=err,
    )
    return out.getvalue(), err.getvalue()


def test_rules_are_imported_once_however_often(cast, rule_file):
    _ = cast.acme
    first, _ = run(rule_file)
    again, _ = run(rule_file)

    assert "created: shop/web" in first
    assert again == "1 groups of 2 rules: 0 created, 0 updated, 1 unchanged.\n"
    assert RuleGroup.unscoped.get().interval_seconds == 30
    assert [r.name for r in Rule.unscoped.order_by("position")] == [
        "job:up:sum",
        "Down",
    ]


def test_a_dry_run_writes_nothing(cast, rule_file):
    _ = cast.acme

    said, _ = run(rule_file, "--dry-run")

    assert "created: shop/web" in said
    assert not RuleGroup.unscoped.exists()


def test_a_team_and_a_namespace_can_be_named(cast, rule_file):
    _ = cast.payments

    run(rule_file, "--team", "payments", "--namespace", "infra")

    group = RuleGroup.unscoped.get()
    assert (group.namespace, group.team) == ("infra", cast.payments)


@pytest.mark.parametrize("key", ["colour: red", "labls: {}"])
def test_unknown_keys_are_warned_of_and_refused_when_strict(cast, rule_file, key):
    _ = cast.acme
    rule_file.write_text(FILE.replace("interval: 30s", key))

    _, warned = run(rule_file)
    assert f'group "web": unknown key “{key.partition(":")[0]}”' in warned

    with pytest.raises(CommandError, match="unknown key"):
        run(rule_file, "--strict")


def test_what_only_vmalert_knows_is_tolerated(cast, rule_file):
    _ = cast.acme
    extras = "concurrency: 2\n  eval_offset: 5s\n  params: {nocache: ['1']}"
    rule_file.write_text(FILE.replace("interval: 30s", extras))

    assert run(rule_file, "--strict")[1] == ""


def test_all_that_is_wrong_is_said_with_file_group_and_rule(cast, rule_file):
    _ = cast.acme
    broken = FILE.replace("up == 0", "up ==").replace("job:up:sum", "job-up")
    rule_file.write_text(broken)

    with pytest.raises(CommandError) as caught:
        run(rule_file)

    text = str(caught.value)
    assert f'{rule_file}: group "web", rule 1, "job-up": invalid recording rule' in text
    assert f'{rule_file}: group "web", rule 2, "Down": could not parse' in text
    assert not RuleGroup.unscoped.exists()


def test_a_prometheus_yml_stands_for_the_rule_files_that_it_names(cast, rule_file):
    _ = cast.acme
    rule_file.write_text(FILE.replace("  interval: 30s\n", ""))
    config = rule_file.parent / "prometheus.yml"
    config.write_text(
        "global: {evaluation_interval: 45s}\n"
        "rule_files: ['*.rules.yml']\n"
        "scrape_configs: [{job_name: node}]\n"
    )

    _, warned = run(config)

    assert RuleGroup.unscoped.get().interval_seconds == 45
    assert "left to import_scrape_configs: node" in warned


def test_unknown_owners_are_said(cast, rule_file):
    with pytest.raises(CommandError, match="no organization “acme”"):
        run(rule_file)
