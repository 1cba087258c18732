"""Rules and alerts as Prometheus's API shows them."""

from __future__ import annotations

import re

from django.http import HttpRequest, HttpResponse
from typing_extensions import override

from alerts.services import rule_reports
from alerts.services.rule_reports import RuleFilter, UnknownTokenError
from monitoring.api.prometheus.base import ReadOnlyAPI
from monitoring.api.prometheus.envelope import (
    ErrorType,
    PrometheusError,
    bad_parameter,
    plain_success,
)
from monitoring.api.prometheus.parameters import Parameters

_KINDS = {"": "", "alert": "alerting", "record": "recording"}
_TRUE = {"1", "t", "T", "true", "TRUE", "True"}
_FALSE = {"", "0", "f", "F", "false", "FALSE", "False"}


class RulesAPI(ReadOnlyAPI):
    """/rules: groups, their rules and the alerts of these."""

    @override
    def answer(
        self, request: HttpRequest, parameters: Parameters, **path: str
    ) -> HttpResponse:
        limit, token = _page(parameters)
        wanted = RuleFilter(
            kind=_kind(parameters),
            names=frozenset(parameters.every("rule_name[]")),
            groups=frozenset(parameters.every("rule_group[]")),
            files=frozenset(parameters.every("file[]")),
            selectors=tuple(parameters.selectors()),
            with_alerts=not _truth(parameters, "exclude_alerts"),
        )
        try:
            found = rule_reports.rule_groups(
                self.scope, wanted, limit=limit, token=token
            )
        except UnknownTokenError:
            problem = f"invalid group_next_token '{token}'. were rule groups changed?"
            raise bad_parameter("group_next_token", problem) from None
        return plain_success(request, found)


class AlertsAPI(ReadOnlyAPI):
    """/alerts: what is pending or fires."""

    @override
    def answer(
        self, request: HttpRequest, parameters: Parameters, **path: str
    ) -> HttpResponse:
        found = rule_reports.active_alerts(self.scope)
        return plain_success(request, {"alerts": found})


class AlertmanagersAPI(ReadOnlyAPI):
    """/alertmanagers: none, because Vedette itself tells people."""

    @override
    def answer(
        self, request: HttpRequest, parameters: Parameters, **path: str
    ) -> HttpResponse:
        none: dict[str, list[str]] = {
            "activeAlertmanagers": [],
            "droppedAlertmanagers": [],
        }
        return plain_success(request, none)


def _kind(parameters: Parameters) -> str:
    text = parameters.text("type").lower()
    if text not in _KINDS:
        problem = f'not supported value "{text}"'
        raise bad_parameter("type", problem)
    return _KINDS[text]


def _truth(parameters: Parameters, name: str) -> bool:
    text = parameters.text(name)
    if text not in _TRUE | _FALSE:
        problem = f'error converting {name}: strconv.ParseBool: parsing "{text}": invalid syntax'
        raise bad_parameter(name, problem)
    return text in _TRUE


def _page(parameters: Parameters) -> tuple[int, str]:
    text, token = parameters.text("group_limit"), parameters.text("group_next_token")
    if not text:
        if token:
            problem = (
                "group_limit needs to be present in order to paginate over the groups"
            )
            raise PrometheusError(ErrorType.BAD_DATA, problem)
        return 0, ""
    if not re.fullmatch(r"\+?\d{1,9}", text, re.ASCII) or int(text) < 1:
        raise bad_parameter("group_limit", "group_limit needs to be a positive number")
    return int(text), token
