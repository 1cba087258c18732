"""Rule groups over our own REST API."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer
from typing_extensions import override

from accounts.api.serializers import StrictSerializer
from accounts.api.viewsets import MAINTAIN, EditableViewSet, editable_by
from accounts.services.teams import usual_team
from alerts.api import parameters
from alerts.api.fields import SecondsField, TeamField
from alerts.api.serializers import AliasedSerializer, RuleHealthSerializer
from alerts.api.views import Filtered, domain_errors
from alerts.evaluation.grouped import GroupedKind, GroupedRule, RuleGroupDraft
from alerts.models import RuleGroup
from alerts.services import rule_groups
from alerts.services.rule_drafts import InvalidRuleError

_KINDS = [kind.value for kind in GroupedKind]


class GroupedRuleSerializer(StrictSerializer):
    id = serializers.IntegerField(read_only=True)
    kind = serializers.ChoiceField(choices=_KINDS)
    name = serializers.CharField(max_length=200)
    expr = serializers.CharField()
    keep_firing_for = SecondsField(required=False)
    labels = serializers.DictField(child=serializers.CharField(), required=False)
    annotations = serializers.DictField(
        child=serializers.CharField(allow_blank=True), required=False
    )
    state = RuleHealthSerializer(read_only=True)

    @override
    def get_fields(self) -> dict[str, Any]:
        # `for` is a word of Python's, so it cannot be declared like the others.
        return super().get_fields() | {"for": SecondsField(required=False)}


class GroupHealthSerializer(serializers.Serializer[Any]):
    evaluated_at = serializers.DateTimeField(allow_null=True)
    duration_ms = serializers.FloatField(allow_null=True)
    error = serializers.CharField(allow_null=True)


class RuleGroupSerializer(AliasedSerializer):
    """A group; `interval` and `query_offset` are accepted for `…_seconds`."""

    aliases = {"interval": "interval_seconds", "query_offset": "query_offset_seconds"}

    id = serializers.IntegerField(read_only=True)
    namespace = serializers.CharField(max_length=200)
    name = serializers.CharField(max_length=200)
    language = serializers.ChoiceField(
        choices=RuleGroup.Language.choices, required=False
    )
    team = TeamField(required=False, allow_null=True)
    interval_seconds = SecondsField(required=False)
    limit = serializers.IntegerField(
        required=False, min_value=0, max_value=1_000_000_000
    )
    query_offset_seconds = SecondsField(required=False)
    labels = serializers.DictField(child=serializers.CharField(), required=False)
    rules = GroupedRuleSerializer(many=True)
    state = GroupHealthSerializer(read_only=True)
    created_at = serializers.DateTimeField(read_only=True)
    updated_at = serializers.DateTimeField(read_only=True)

    @override
    def to_representation(self, instance: RuleGroup) -> dict[str, Any]:
        return rule_groups.group_json(instance)


def group_draft(cleaned: Mapping[str, Any], before: RuleGroupDraft) -> RuleGroupDraft:
    """Return the draft that says what was let through; the rest is as before."""
    changes: dict[str, Any] = {
        name: cleaned[name]
        for name in ("namespace", "name", "language", "limit", "labels")
        if name in cleaned
    }
    for name in ("interval", "query_offset"):
        if f"{name}_seconds" in cleaned:
            changes[name] = timedelta(seconds=cleaned[f"{name}_seconds"])
    if "rules" in cleaned:
        changes["rules"] = tuple(_rule(rule) for rule in cleaned["rules"])
    return replace(before, **changes)


def _rule(cleaned: Mapping[str, Any]) -> GroupedRule:
    return GroupedRule(
        kind=GroupedKind(cleaned["kind"]),
        name=cleaned["name"],
        expr=cleaned["expr"],
        hold=timedelta(seconds=cleaned.get("for", 0)),
        keep_firing=timedelta(seconds=cleaned.get("keep_firing_for", 0)),
        labels=cleaned.get("labels", {}),
        annotations=cleaned.get("annotations", {}),
    )


_NOTHING = RuleGroupDraft(namespace="", name="", rules=())


@extend_schema(tags=["rule groups"])
class RuleGroupViewSet(Filtered, EditableViewSet):
    """Recording and alerting rules as Prometheus has them, group by group."""

    serializer_class = RuleGroupSerializer
    queryset = RuleGroup.unscoped.none()
    filter_backends: list[Any] = []
    access = editable_by(MAINTAIN)

    @override
    def get_queryset(self) -> QuerySet[RuleGroup]:
        groups = rule_groups.visible_groups(self.scope)
        return self.filtered(groups, parameters.RULE_GROUPS)

    @extend_schema(
        parameters=[
            OpenApiParameter("namespace", str),
            OpenApiParameter("team", str, description="A team's id or slug."),
        ]
    )
    @override
    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().list(request, *args, **kwargs)

    @override
    def perform_create(self, serializer: BaseSerializer[Any]) -> None:
        cleaned = serializer.validated_data
        team = cleaned.get("team", usual_team(self.scope))
        with domain_errors():
            serializer.instance = rule_groups.create_group(
                self.scope, group_draft(cleaned, _NOTHING), team, now=timezone.now()
            )

    @override
    def perform_update(self, serializer: BaseSerializer[Any]) -> None:
        group = serializer.instance
        assert isinstance(group, RuleGroup)  # noqa: S101 - narrows the type
        cleaned = serializer.validated_data
        kept = rule_groups.draft_of_group(group)
        blank = replace(_NOTHING, namespace=group.namespace, name=group.name)
        draft = group_draft(cleaned, kept if serializer.partial else blank)
        team = cleaned.get("team", group.team)
        with domain_errors():
            if (draft.namespace, draft.name) != (group.namespace, group.name):
                problem = "A group keeps its name: create another and delete this one."
                raise InvalidRuleError({"name": [problem]})
            outcome = rule_groups.put_group(self.scope, draft, team, now=timezone.now())
        serializer.instance = outcome.group

    @override
    def perform_destroy(self, instance: RuleGroup) -> None:
        rule_groups.delete_group(self.scope, instance, now=timezone.now())
