from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest
from django.urls import reverse
from django.utils import timezone

from alerts.models import Rule
from monitoring.labels import make_labels
from monitoring.services.append import append_samples
from monitoring.telemetry import SampleBatch
from tests.factories.alerts import (
    level,
    make_channel,
    make_rule,
    pattern_draft,
    threshold_draft,
)

pytestmark = [pytest.mark.integration, pytest.mark.django_db]


@pytest.fixture
def as_alice(cast, client):
    client.force_login(cast.alice)
    return client


def page(name: str, *args) -> str:
    return reverse(name, args=["acme", *args])


def text_of(response) -> str:
    return " ".join(response.content.decode().split())


def form(*levels: dict, **fields) -> dict:
    data = {
        "name": "CPU",
        "kind": "threshold",
        "query": "cpu",
        "window_seconds": "60",
        "interval_seconds": "15",
        "no_data": "keep",
        "enabled": "on",
        "levels-TOTAL_FORMS": str(len(levels)),
        "levels-INITIAL_FORMS": "0",
    }
    for index, fields_of_level in enumerate(levels):
        for name, value in fields_of_level.items():
            data[f"levels-{index}-{name}"] = value
    return data | fields


WARNING = {"severity": "warning", "comparator": "gt", "threshold": "80"}
CRITICAL = {"severity": "critical", "comparator": "gt", "threshold": "90"}


def test_a_rule_is_made_by_the_form(as_alice, cast):
    channel = make_channel(cast.acme)
    worse = CRITICAL | {"hold_seconds": "120", "channels": [channel.pk]}

    response = as_alice.post(page("rule-add"), form(WARNING, worse))

    assert response.status_code == 302
    rule = Rule.unscoped.get()
    found = [(lv.severity, lv.threshold, lv.hold_seconds) for lv in rule.levels.all()]
    assert found == [("warning", 80, 0), ("critical", 90, 120)]
    assert list(rule.levels.last().channels.all()) == [channel]
    assert rule.created_by == cast.alice


def test_a_pattern_rule_is_made_by_the_form(as_alice):
    worse = {"severity": "critical", "comparator": "ge", "threshold": "5"}
    fields = {
        "kind": "pattern",
        "pattern": r"\bERROR\b",
        "matchers": 'source="app"\nenv=~prod|stage',
        "group_by": "source, host",
        "window_seconds": "120",
    }

    as_alice.post(page("rule-add"), form(worse, **fields))

    rule = Rule.unscoped.get()
    assert (rule.pattern, rule.window_seconds) == (r"\bERROR\b", 120)
    assert rule.group_by == ["source", "host"]
    assert rule.matchers == [
        {"name": "source", "op": "=", "value": "app"},
        {"name": "env", "op": "=~", "value": "prod|stage"},
    ]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (form(WARNING, query="sum("), "This is not PromQL"),
        (form(WARNING, kind="pattern", pattern="a("), "does not compile"),
        (form(WARNING, kind="pattern", pattern="x", matchers="?"), "no condition"),
        (form(), "at least one level"),
        (form(CRITICAL, WARNING), "from mild to worst"),
        (form(WARNING | {"threshold": "many"}), "Enter a number"),
        (form(WARNING | {"recovery_threshold": "95"}), "or below"),
        (form(WARNING, name=""), "required"),
    ],
)
def test_what_is_wrong_stands_beside_its_field(as_alice, data, words):
    response = as_alice.post(page("rule-add"), data)

    assert response.status_code == 422
    assert words in text_of(response)
    assert not Rule.unscoped.exists()


def test_the_log_pages_link_fills_in_the_form(as_alice):
    query = "kind=pattern&pattern=payment%20failed&source=app"

    response = as_alice.get(f"{page('rule-add')}?{query}")

    initial = response.context["form"].initial
    assert (initial["kind"], initial["pattern"]) == ("pattern", "payment failed")
    assert initial["matchers"] == 'source="app"'


def test_editing_keeps_what_the_form_does_not_ask_for(as_alice, cast):
    kept = {"annotations": {"summary": "busy"}, "labels": {"tier": "1"}}
    levels = (level(keep_firing_seconds=300), level("critical", 90.0))
    rule = make_rule(cast.acme, threshold_draft(levels=levels, unit="percent", **kept))

    response = as_alice.post(
        page("rule-edit", rule.pk), form(WARNING | {"threshold": "85"}, name="Renamed")
    )

    assert response.status_code == 302, text_of(response)
    rule.refresh_from_db()
    assert (rule.name, rule.unit) == ("Renamed", "percent")
    assert (rule.annotations, rule.labels) == (kept["annotations"], kept["labels"])
    only = rule.levels.get()
    assert (only.threshold, only.keep_firing_seconds) == (85, 300)


def test_a_level_can_be_removed(as_alice, cast):
    rule = make_rule(cast.acme, threshold_draft())

    response = as_alice.post(
        page("rule-edit", rule.pk), form(WARNING, CRITICAL | {"DELETE": "on"})
    )

    assert response.status_code == 302, text_of(response)
    levels = Rule.unscoped.get().levels.values_list("severity", flat=True)
    assert list(levels) == ["warning"]


@pytest.fixture
def busy_hour(cast):
    """An hour of CPU below its limit, with ten minutes above it."""
    now = timezone.now()
    moments = [now - timedelta(minutes=60 - m) for m in range(60)]
    values = [95.0 if 20 <= m < 30 else 50.0 for m in range(60)]
    batch = SampleBatch(
        (make_labels({"__name__": "cpu", "host": "a"}),),
        np.zeros(60, np.int32),
        np.array([int(m.timestamp() * 1000) for m in moments], np.int64),
        np.array(values),
    )
    append_samples(cast.system(), batch, team_id=None, now=now)


def test_the_preview_says_when_it_would_have_fired(as_alice, cast, busy_hour):
    make_channel(cast.acme)

    response = as_alice.post(page("rule-preview"), form(WARNING, CRITICAL))

    found = response.context["preview"]
    assert found["sentence"] == (
        "In the last 7 days this rule would have fired once, and told someone."
    )
    assert [who["name"] for who in found["told"]] == ["ops"]
    assert sum(len(day["bars"]) for day in found["days"]) >= 1
    assert len(found["days"]) in {7, 8}


def test_the_preview_of_nonsense_says_what_is_wrong(as_alice):
    response = as_alice.post(page("rule-preview"), form(WARNING, query="sum("))

    assert response.status_code == 200
    assert "This is not PromQL" in response.context["preview"]["error"]


def test_the_edit_page_opens_with_its_conclusion(as_alice, cast, busy_hour):
    rule = make_rule(cast.acme, threshold_draft())

    response = as_alice.get(page("rule-edit", rule.pk))

    assert "would have fired once" in response.context["conclusion"]


def test_the_list_shows_what_rules_watch_and_whom_they_tell(as_alice, cast):
    make_channel(cast.acme, "ops")
    make_rule(cast.acme, threshold_draft())
    make_rule(cast.acme, pattern_draft(enabled=False))

    response = as_alice.get(page("rules"))

    rows = {row.rule.name: (row.sees, row.told) for row in response.context["rows"]}
    assert rows == {"CPU": ("cpu", "ops"), "Errors": ("ERROR", "ops")}
    assert response.context["conclusion"] == "1 rule watches your logs and metrics."


@pytest.mark.parametrize("count", [1, 3])
def test_a_list_of_any_length_costs_the_same(
    as_alice, cast, count, django_assert_max_num_queries
):
    for number in range(count):
        make_rule(cast.acme, threshold_draft(name=f"Rule {number}"))

    with django_assert_max_num_queries(24):
        as_alice.get(page("rules"))


def test_a_rule_is_switched_off_and_on(as_alice, cast):
    rule = make_rule(cast.acme, threshold_draft())

    states = []
    for _ in range(2):
        as_alice.post(page("rule-toggle", rule.pk))
        rule.refresh_from_db()
        states.append(rule.enabled)

    assert states == [False, True]


def test_a_rule_is_deleted(as_alice, cast):
    rule = make_rule(cast.acme, threshold_draft())

    as_alice.post(page("rule-delete", rule.pk))

    assert not Rule.unscoped.exists()


@pytest.mark.parametrize(
    ("method", "name"),
    [("get", "rules"), ("get", "rule-add"), ("post", "rule-preview")],
)
def test_to_a_stranger_the_pages_do_not_exist(client, cast, method, name):
    _ = cast.acme
    client.force_login(cast.mallory)

    assert getattr(client, method)(page(name)).status_code == 404


@pytest.mark.parametrize(
    ("method", "name"),
    [("get", "rule-edit"), ("post", "rule-toggle"), ("post", "rule-delete")],
)
def test_another_teams_rule_does_not_exist(client, cast, method, name):
    rule = make_rule(cast.acme, threshold_draft(team=cast.payments))
    client.force_login(cast.carol)

    assert getattr(client, method)(page(name, rule.pk)).status_code == 404


@pytest.mark.parametrize("name", ["rule-toggle", "rule-delete"])
def test_a_responder_may_look_but_not_change(client, cast, name):
    rule = make_rule(cast.acme, threshold_draft(team=cast.platform))
    client.force_login(cast.carol)

    assert client.get(page("rule-edit", rule.pk)).status_code == 200
    assert client.get(page("rule-add")).status_code == 403
    assert client.post(page(name, rule.pk)).status_code == 403
    assert Rule.unscoped.get().enabled
