"""Rules, alerts and channels for tests; rules are made the way users make them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.utils import timezone

from accounts.models import Organization, Team
from accounts.scope import Scope
from accounts.services.secrets import encrypt
from alerts.models import Alert, NotificationChannel, Rule
from alerts.services.rule_drafts import LevelDraft, RuleDraft
from alerts.services.rules import create_rule


def system_scope(organization: Organization) -> Scope:
    return Scope.of_system(organization.pk, organization.slug)


def level(severity: str = "warning", threshold: float = 80.0, **options) -> LevelDraft:
    return LevelDraft(severity=severity, threshold=threshold, **options)


def threshold_draft(**options: Any) -> RuleDraft:
    """CPU above 80 is a warning, above 90 critical."""
    values: dict[str, Any] = {
        "name": "CPU",
        "kind": "threshold",
        "query": "cpu",
        "levels": (level(), level("critical", 90.0)),
    }
    return RuleDraft(**values | options)


def pattern_draft(**options: Any) -> RuleDraft:
    """Five lines with ERROR in a minute are a warning, ten critical."""
    values: dict[str, Any] = {
        "name": "Errors",
        "kind": "pattern",
        "pattern": "ERROR",
        "group_by": ["source"],
        "levels": (
            level("warning", 5.0, comparator="ge"),
            level("critical", 10.0, comparator="ge"),
        ),
    }
    return RuleDraft(**values | options)


def make_rule(
    organization: Organization, draft: RuleDraft, *, now: datetime | None = None
) -> Rule:
    return create_rule(system_scope(organization), draft, now=now or timezone.now())


def make_channel(
    organization: Organization, name: str = "ops", **options: Any
) -> NotificationChannel:
    """A default webhook channel to a closed port, unless told otherwise."""
    values: dict[str, Any] = {
        "kind": "webhook",
        "config": {"url": "http://127.0.0.1:9/hook"},
        "is_default": True,
        "secret": encrypt(options.pop("secret", "")),
    }
    return NotificationChannel.unscoped.create(
        organization=organization, name=name, **values | options
    )


def make_alert(
    organization: Organization,
    *,
    status: str = "firing",
    severity: str = "warning",
    team: Team | None = None,
    now: datetime | None = None,
    **options: Any,
) -> Alert:
    """An alert as an evaluation leaves it, without a rule unless one is given."""
    now = now or timezone.now()
    values: dict[str, Any] = {
        "name": "CPU",
        "fingerprint": Alert.unscoped.count() + 1,
        "labels": {"host": "web-1"},
        "value": 85.0,
        "started_at": now,
        "fired_at": now,
        "level_states": [
            {
                "severity": severity,
                "phase": "firing",
                "since": now.isoformat(),
                "last_breach": now.isoformat(),
            }
        ],
    }
    return Alert.unscoped.create(
        organization=organization,
        status=status,
        severity=severity,
        team=team,
        **values | options,
    )
