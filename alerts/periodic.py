from __future__ import annotations

from datetime import datetime

from accounts.periodic import Call
from alerts.services import evaluation, group_evaluation, notifications


def due(now: datetime) -> list[Call]:
    """Return the rules and groups to evaluate, and the deliveries to try."""
    rules = [
        Call("alerts.tasks.evaluate_rules", (organization_id,))
        for organization_id in evaluation.organizations_due(now)
    ]
    groups = [
        Call("alerts.tasks.evaluate_group", (group_id,))
        for group_id in group_evaluation.groups_due(now)
    ]
    deliveries = [
        Call("alerts.tasks.deliver", (notification_id,))
        for notification_id in notifications.due(now)
    ]
    return rules + groups + deliveries
