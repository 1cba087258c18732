"""The ruler's configuration API of Cortex and Mimir: Grafana edits rules through it."""

from __future__ import annotations

from dataclasses import replace
from http import HTTPStatus
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from rest_framework.request import Request
from typing_extensions import override

from accounts.api.foreign import ForeignAPI
from accounts.api.viewsets import MAINTAIN, READ
from accounts.models import Team
from accounts.services.teams import usual_team
from alerts.evaluation.rule_files import (
    RuleFileError,
    group_document,
    read_group,
    write_yaml,
)
from alerts.models import RuleGroup
from alerts.models.group import RuleGroupQuerySet
from alerts.services import rule_groups
from alerts.services.rule_drafts import InvalidRuleError
from monitoring.api.prometheus.base import PrometheusAPI

MAX_BODY = 2_000_000

NO_GROUPS = "no rule groups found\n"
NO_GROUP = "group does not exist\n"
NO_NAMESPACE = "group namespace does not exist\n"


class RulerError(Exception):
    """An answer in plain text that says why there is no other."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


class RulerAPI(ForeignAPI):
    """What the endpoints share: YAML in and out, complaints as plain text."""

    product = "Ruler API"
    access = {"get": READ, "post": MAINTAIN, "delete": MAINTAIN}
    authentication_classes = PrometheusAPI.authentication_classes
    language = RuleGroup.Language.PROMQL

    def groups(self, namespace: str = "") -> RuleGroupQuerySet:
        found = rule_groups.visible_groups(self.scope).filter(language=self.language)
        return found.filter(namespace=namespace) if namespace else found

    @override
    def refusal(self, status: HTTPStatus, text: str) -> HttpResponse:
        return _text(f"{text}\n", status)

    @override
    def own_refusal(self, error: Exception) -> HttpResponse | None:
        if isinstance(error, RulerError):
            return _text(str(error), error.status)
        if isinstance(error, RuleFileError):
            return _text("\n".join(error.problems) + "\n", 400)
        if isinstance(error, InvalidRuleError):
            return _text("\n".join(error.sentences) + "\n", 400)
        return None


class RulerRulesAPI(RulerAPI):
    """/rules: all groups by namespace."""

    def get(self, request: Request) -> HttpResponse:
        return _yaml(_by_namespace(self.groups()))


class RulerNamespaceAPI(RulerAPI):
    """/rules/{namespace}: its groups; a POST writes one of them."""

    def get(self, request: Request, namespace: str) -> HttpResponse:
        return _yaml(_by_namespace(self.groups(namespace)))

    def post(self, request: Request, namespace: str) -> HttpResponse:
        """Create or replace the group that the body describes."""
        found = read_group(_body(request), namespace, self.language)
        draft = replace(found.groups[0], language=self.language)
        team = self._team(namespace, draft.name)
        rule_groups.put_group(self.scope, draft, team, now=timezone.now())
        return _accepted()

    def delete(self, request: Request, namespace: str) -> HttpResponse:
        groups = list(self.groups(namespace))
        if not groups:
            raise RulerError(404, NO_NAMESPACE)
        rule_groups.delete_groups(self.scope, groups, now=timezone.now())
        return _accepted()

    def _team(self, namespace: str, name: str) -> Team | None:
        """Return whose group it is: as it was, as `?team=` says, or the actor's."""
        slug = self.request.query_params.get("team")
        if slug is not None:
            team = Team.objects.visible_to(self.scope).filter(slug=slug).first()
            if team is None:
                raise RulerError(400, f"team: there is no team “{slug}”\n")
            return team
        known = self.groups(namespace).filter(name=name).first()
        return known.team if known else usual_team(self.scope)


class RulerGroupAPI(RulerAPI):
    """/rules/{namespace}/{group}: one group."""

    def get(self, request: Request, namespace: str, group: str) -> HttpResponse:
        found = self._group(namespace, group)
        return _yaml(group_document(rule_groups.draft_of_group(found)))

    def delete(self, request: Request, namespace: str, group: str) -> HttpResponse:
        found = self._group(namespace, group)
        rule_groups.delete_group(self.scope, found, now=timezone.now())
        return _accepted()

    def _group(self, namespace: str, name: str) -> RuleGroup:
        found = self.groups(namespace).filter(name=name).first()
        if found is None:
            raise RulerError(404, NO_GROUP)
        return found


def _by_namespace(groups: RuleGroupQuerySet) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    for group in groups.order_by("namespace", "name"):
        document = group_document(rule_groups.draft_of_group(group))
        found.setdefault(group.namespace, []).append(document)
    if not found:
        raise RulerError(404, NO_GROUPS)
    return found


def _body(request: Request) -> str:
    plain: HttpRequest = request._request  # noqa: SLF001 - DRF wraps Django's request
    if len(plain.body) > MAX_BODY:
        raise RulerError(413, f"a group may have {MAX_BODY} bytes\n")
    try:
        return plain.body.decode()
    except UnicodeDecodeError:
        raise RulerError(400, "the body is not UTF-8\n") from None


def _yaml(document: Any) -> HttpResponse:
    return HttpResponse(write_yaml(document), content_type="application/yaml")


def _text(text: str, status: int) -> HttpResponse:
    return HttpResponse(text, status=status, content_type="text/plain; charset=utf-8")


def _accepted() -> HttpResponse:
    nothing = {"status": "success", "data": None, "errorType": "", "error": ""}
    return JsonResponse(nothing, status=202)
