from __future__ import annotations

import pytest
from django.urls import reverse
from django.utils import timezone

from alerts.evaluation.rule_files import read_rule_file
from alerts.models import Rule, RuleGroup, RuleState
from alerts.services.rule_groups import put_group
from monitoring.services.append import append_samples
from tests.factories.monitoring import sample_batch

pytestmark = [pytest.mark.integration, pytest.mark.django_db]

FILE = """
groups:
- name: web
  rules:
  - record: up:sum
    expr: sum(up)
  - alert: Down
    expr: up == 0
"""


def page(name: str, *args) -> str:
    return reverse(name, args=["acme", *args])


@pytest.fixture
def as_alice(cast, client, redis_client):
    client.force_login(cast.alice)
    return client


@pytest.fixture
def group(cast):
    (draft,) = read_rule_file(FILE, "shop").groups
    return put_group(cast.system(), draft, None, now=timezone.now()).group


def recording(**changes):
    return {
        "name": "job:up:sum",
        "expr": "sum by (job) (up)",
        "labels": 'origin="form"',
        "namespace": "shop",
        "group": "web",
        "interval_seconds": "30",
        **changes,
    }


def test_the_list_shows_groups_with_their_rules_and_errors(as_alice, group):
    RuleState.objects.filter(rule__name="Down").update(error="it broke")

    text = as_alice.get(page("rules")).content.decode()

    assert "shop / web" in text
    assert "up:sum" in text
    assert "Recording rule" in text
    assert "it broke" in text


def test_a_recording_rule_is_added_to_its_group(as_alice, group):
    response = as_alice.post(page("recording-add"), recording())

    assert response.status_code == 302
    names = Rule.unscoped.order_by("position").values_list("name", flat=True)
    assert list(names) == ["up:sum", "Down", "job:up:sum"]
    group.refresh_from_db()
    assert group.interval_seconds == 30


def test_a_recording_rule_can_begin_a_group(as_alice):
    as_alice.post(page("recording-add"), recording())

    rule = Rule.unscoped.get()
    assert str(rule.group) == "shop/web"
    assert rule.labels == {"origin": "form"}


def test_a_recording_rule_is_changed_where_it_stands(as_alice, group):
    rule = Rule.unscoped.get(name="up:sum")
    shown = as_alice.get(page("recording-edit", rule.pk)).content.decode()
    assert "sum(up)" in shown

    as_alice.post(page("recording-edit", rule.pk), recording(name="up:max"))

    names = Rule.unscoped.order_by("position").values_list("name", flat=True)
    assert list(names) == ["up:max", "Down"]


def test_a_recording_rule_moves_to_another_group(as_alice, group):
    rule = Rule.unscoped.get(name="up:sum")

    as_alice.post(page("recording-edit", rule.pk), recording(group="other"))

    found = {(r.group.name, r.name) for r in Rule.unscoped.select_related("group")}
    assert found == {("web", "Down"), ("other", "job:up:sum")}


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"expr": "sum("}, "could not parse expression"),
        ({"name": "a-b"}, "invalid recording rule name"),
        ({"labels": "nonsense"}, "is no label"),
    ],
)
def test_what_is_wrong_stands_in_the_form(as_alice, changes, text):
    response = as_alice.post(page("recording-add"), recording(**changes))

    assert response.status_code == 422
    assert text in response.content.decode()


def test_the_preview_shows_what_would_be_stored(as_alice, cast):
    now = timezone.now()
    rows = [({"__name__": "up", "job": "a"}, int(now.timestamp() * 1000) - 1000, 1.0)]
    append_samples(cast.system(), sample_batch(rows), team_id=None, now=now)

    text = as_alice.post(page("recording-preview"), recording()).content.decode()

    assert "1 series" in text
    assert "form" in text


def test_a_group_is_changed_by_its_text(as_alice, group):
    shown = as_alice.get(page("rule-group", group.pk)).content.decode()
    assert "record: up:sum" in shown

    text = "name: web\nrules:\n- record: a\n  expr: up\n"
    as_alice.post(page("rule-group", group.pk), {"text": text})
    assert [r.name for r in Rule.unscoped.all()] == ["a"]

    broken = as_alice.post(
        page("rule-group", group.pk), {"text": "name: web\nrules: 3"}
    )
    assert broken.status_code == 422
    renamed = as_alice.post(page("rule-group", group.pk), {"text": "name: b"})
    assert "stays “web”" in renamed.content.decode()


def test_a_group_is_deleted(as_alice, group):
    as_alice.post(page("rule-group-delete", group.pk))

    assert not RuleGroup.unscoped.exists()


def test_an_alerting_rule_leads_to_its_group(as_alice, group):
    rule = Rule.unscoped.get(name="Down")

    response = as_alice.get(page("rule-edit", rule.pk))

    assert response.url == page("rule-group", group.pk)


def test_that_a_group_alone_deletes_its_rules_is_said_in_a_sentence(as_alice, group):
    rule = Rule.unscoped.get(name="Down")

    response = as_alice.post(page("rule-delete", rule.pk), follow=True)

    (message,) = response.context["messages"]
    told = "It is a rule of the group “shop/web”: change that one."
    assert str(message) == f"“Down” cannot be deleted: {told}"


def test_who_only_looks_is_offered_no_change(cast, client, group, redis_client):
    client.force_login(cast.bob)

    text = client.get(page("rule-group", group.pk)).content.decode()
    assert "Delete group" not in text
    assert client.post(page("rule-group-delete", group.pk)).status_code == 403
    assert client.get(page("recording-add")).status_code == 403
