from alerts.models.alert import Alert, Transition
from alerts.models.group import RuleGroup, RuleGroupState
from alerts.models.notification import Notification, NotificationChannel
from alerts.models.rule import PatternCount, Rule, RuleLevel, RuleState, Severity

__all__ = [
    "Alert",
    "Notification",
    "NotificationChannel",
    "PatternCount",
    "Rule",
    "RuleGroup",
    "RuleGroupState",
    "RuleLevel",
    "RuleState",
    "Severity",
    "Transition",
]
