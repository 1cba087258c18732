"""What workers are asked to do; each is safe to ask for twice."""

from __future__ import annotations

from django.utils import timezone

from alerts.services import evaluation, group_evaluation, notifications


def evaluate_rules(organization_id: int) -> None:
    evaluation.evaluate_due_rules(organization_id, now=timezone.now())


def evaluate_group(group_id: int) -> None:
    group_evaluation.evaluate_group(group_id, now=timezone.now())


def deliver(notification_id: int) -> None:
    notifications.deliver(notification_id, now=timezone.now())
