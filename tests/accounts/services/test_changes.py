from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import transaction
from django.utils import timezone

from accounts.services import audit
from accounts.services.changes import recent_changes
from sources.models import Source

pytestmark = [pytest.mark.integration, pytest.mark.django_db]


def source_of(cast, team, name):
    return Source.unscoped.create(
        organization=cast.acme, team=team, kind="push", name=name
    )


def added(scope, source):
    with transaction.atomic():
        audit.record(scope, "source.create", source)


def names(scope, actions=("source.create",)):
    since = timezone.now() - timedelta(hours=1)
    found = recent_changes(scope, since=since, actions=actions, limit=10)
    return [entry.object_name for entry in found]


def test_an_admin_sees_every_change(cast):
    added(cast.system(), source_of(cast, cast.payments, "secret"))

    assert names(cast.scope(cast.alice)) == ["secret"]


def test_a_member_sees_changes_of_what_they_may_see(cast):
    added(cast.system(), source_of(cast, None, "open"))
    added(cast.system(), source_of(cast, cast.payments, "secret"))

    assert names(cast.scope(cast.carol)) == ["open"]


def test_a_member_sees_what_they_did_themselves(cast):
    source = source_of(cast, cast.platform, "gone")
    scope = cast.scope(cast.carol)
    added(scope, source)
    source.delete()

    assert names(scope) == ["gone"]


def test_other_actions_are_left_out(cast):
    added(cast.system(), source_of(cast, None, "open"))

    assert names(cast.scope(cast.alice), actions=("rule.create",)) == []


def test_a_stranger_sees_nothing(cast):
    added(cast.system(), source_of(cast, None, "open"))

    assert names(cast.scope(cast.mallory)) == []
