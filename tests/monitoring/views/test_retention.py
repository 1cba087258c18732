from __future__ import annotations

import pytest
from django.test import Client

from monitoring.models import RetentionRule
from monitoring.services.retention_rules import RetentionDraft, create_rule
from tests.factories.monitoring import system_scope

pytestmark = [pytest.mark.integration, pytest.mark.django_db]

RULE = {"signal": "logs", "selector": '{env="dev"}', "team": "", "keep_for": "2d"}
PAGE = "/o/acme/retention"


def of(user):
    client = Client()
    client.force_login(user)
    return client


def make_rule(cast, selector):
    from datetime import timedelta

    draft = RetentionDraft("logs", timedelta(days=2), selector)
    return create_rule(system_scope(cast.acme), draft)


def test_an_admin_previews_and_saves_a_rule(cast):
    alice = of(cast.alice)

    shown = alice.post(PAGE, {**RULE, "do": "preview"}).content.decode()
    none_yet = RetentionRule.unscoped.count()
    saved = alice.post(PAGE, RULE, follow=True).content.decode()

    assert "nothing that is kept today" in shown
    assert none_yet == 0
    assert "1 rule decides what is kept." in saved
    assert RetentionRule.unscoped.get().selector == '{env="dev"}'


def test_what_is_wrong_is_said_at_its_field(cast):
    answer = of(cast.alice).post(PAGE, {**RULE, "keep_for": "2 moons"})

    assert answer.status_code == 422
    assert "Use weeks, days, hours" in answer.content.decode()


def test_rules_are_moved_changed_and_deleted(cast):
    first, second = make_rule(cast, '{a="1"}'), make_rule(cast, '{b="2"}')
    alice = of(cast.alice)

    alice.post(f"{PAGE}/{second.pk}/move", {"by": "up"})
    order = list(RetentionRule.unscoped.values_list("pk", flat=True))
    alice.post(f"{PAGE}/{first.pk}", {**RULE, "keep_for": "3w"})
    alice.post(f"{PAGE}/{second.pk}/delete")

    assert order == [second.pk, first.pk]
    assert RetentionRule.unscoped.get().keep_for.days == 21


def test_a_member_reads_and_changes_nothing(cast):
    rule = make_rule(cast, '{a="1"}')
    bob = of(cast.bob)

    shown = bob.get(PAGE).content.decode()

    assert "{a=&quot;1&quot;}" in shown
    assert "Save rule" not in shown
    for address in (PAGE, f"{PAGE}/{rule.pk}", f"{PAGE}/{rule.pk}/move"):
        assert bob.post(address, RULE).status_code == 403
