"""The ruler of Loki's API: groups of rules in LogQL."""

from __future__ import annotations

from alerts.api import ruler
from alerts.models import RuleGroup


class LokiRulesAPI(ruler.RulerRulesAPI):
    """/loki/api/v1/rules: all groups by namespace."""

    language = RuleGroup.Language.LOGQL


class LokiNamespaceAPI(ruler.RulerNamespaceAPI):
    """/loki/api/v1/rules/{namespace}: its groups; a POST writes one of them."""

    language = RuleGroup.Language.LOGQL


class LokiGroupAPI(ruler.RulerGroupAPI):
    """/loki/api/v1/rules/{namespace}/{group}: one group."""

    language = RuleGroup.Language.LOGQL
