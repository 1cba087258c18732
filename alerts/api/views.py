from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import exceptions, mixins, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer
from typing_extensions import override

from accounts.api.errors import Conflict
from accounts.api.viewsets import (
    MAINTAIN,
    READ,
    RESPOND,
    EditableViewSet,
    OrganizationViewSet,
    editable_by,
)
from alerts.api import parameters, serializers
from alerts.api.schema import ALERT_PARAMETERS, RULE_PARAMETERS
from alerts.delivery import DeliveryError
from alerts.models import Alert, Rule
from alerts.services import alerts as alert_service
from alerts.services import rules as rule_service
from alerts.services.channels import InvalidChannelError
from alerts.services.presentation import preview_json
from alerts.services.previews import PreviewError, preview
from alerts.services.rule_drafts import InvalidRuleError, draft_of


class DeliveryFailed(exceptions.APIException):
    status_code = status.HTTP_502_BAD_GATEWAY
    default_code = "delivery_failed"


@contextmanager
def domain_errors() -> Iterator[None]:
    """Turn what services refuse into the API's errors."""
    try:
        yield
    except (InvalidRuleError, InvalidChannelError) as error:
        raise exceptions.ValidationError(error.fields) from None
    except alert_service.UnknownAssigneeError as error:
        raise exceptions.ValidationError({"user": [str(error)]}) from None
    except alert_service.AlertConflictError as error:
        raise Conflict(str(error)) from None
    except PreviewError as error:
        raise exceptions.ValidationError(str(error)) from None
    except DeliveryError as error:
        raise DeliveryFailed(str(error)) from None


class Filtered:
    """Narrows lists as their parameters say."""

    def filtered(self: Any, rows: QuerySet[Any], known: Any) -> QuerySet[Any]:
        if self.action != "list":
            return rows
        query = self.request.query_params.dict()
        return rows.filter(*parameters.conditions(query, known, now=timezone.now()))


@extend_schema(tags=["rules"])
class RuleViewSet(Filtered, EditableViewSet):
    """Rules: what must not happen, and how bad it is when it does."""

    serializer_class = serializers.RuleSerializer
    queryset = Rule.unscoped.none()
    filter_backends: list[Any] = []
    access = {
        **editable_by(MAINTAIN),
        "preview": READ,
    }

    @override
    def get_queryset(self) -> QuerySet[Rule]:
        rules = rule_service.visible_rules(self.scope)
        return self.filtered(rules, parameters.RULES)

    @extend_schema(parameters=RULE_PARAMETERS)
    @override
    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().list(request, *args, **kwargs)

    @override
    def perform_create(self, serializer: BaseSerializer[Any]) -> None:
        draft = serializers.rule_draft(serializer.validated_data)
        with domain_errors():
            serializer.instance = rule_service.create_rule(
                self.scope, draft, now=timezone.now()
            )

    @override
    def perform_update(self, serializer: BaseSerializer[Any]) -> None:
        rule = self._instance(serializer)
        cleaned = serializer.validated_data
        if serializer.partial:
            kind = cleaned.get("kind", rule.kind)
            changes = serializers.rule_values(cleaned, kind=kind)
            draft = replace(draft_of(rule), **changes)
        else:
            draft = serializers.rule_draft(cleaned)
        with domain_errors():
            serializer.instance = rule_service.update_rule(
                self.scope, rule, draft, now=timezone.now()
            )

    @override
    def perform_destroy(self, instance: Rule) -> None:
        with domain_errors():
            rule_service.delete_rule(self.scope, instance, now=timezone.now())

    @extend_schema(
        request=serializers.PreviewRequestSerializer,
        responses=serializers.PreviewSerializer,
    )
    @action(detail=False, methods=["post"])
    def preview(self, request: Request, **kwargs: Any) -> Response:
        """Say when a rule would have fired, and whom it would have told."""
        given = serializers.PreviewRequestSerializer(
            data=request.data, context=self.get_serializer_context()
        )
        given.is_valid(raise_exception=True)
        cleaned = dict(given.validated_data)
        end = cleaned.pop("end", None) or timezone.now()
        length = timedelta(seconds=cleaned.pop("range", 7 * 86_400))
        start = cleaned.pop("start", None) or end - length
        if start >= end:
            raise exceptions.ValidationError({"start": ["It must lie before the end."]})
        with domain_errors():
            draft = serializers.rule_draft(cleaned)
            found = preview(self.scope, draft, start=start, end=end)
        return Response(preview_json(found))

    def _instance(self, serializer: BaseSerializer[Any]) -> Rule:
        assert isinstance(serializer.instance, Rule)  # noqa: S101 - narrows the type
        return serializer.instance


@extend_schema(tags=["alerts"])
class AlertViewSet(
    Filtered,
    mixins.ListModelMixin,
    mixins.RetrieveModelMixin,
    OrganizationViewSet,
):
    """Alerts, newest first; pending ones only where `status` asks for them."""

    serializer_class = serializers.AlertSerializer
    queryset = Alert.unscoped.none()
    filter_backends: list[Any] = []
    access = {
        "list": READ,
        "retrieve": READ,
        "transitions": READ,
        "acknowledge": RESPOND,
        "unacknowledge": RESPOND,
        "assign": RESPOND,
        "comment": RESPOND,
        "resolve": RESPOND,
    }

    @override
    def get_queryset(self) -> QuerySet[Alert]:
        related = ("organization", "team", "rule", "assignee")
        alerts = Alert.objects.visible_to(self.scope).select_related(*related)
        if self.action == "list" and "status" not in self.request.query_params:
            alerts = alerts.told()
        if self.action == "retrieve":
            alerts = alerts.prefetch_related("transitions")
        return self.filtered(alerts, parameters.ALERTS)

    @override
    def get_serializer_class(self) -> type[BaseSerializer[Any]]:
        if self.action == "retrieve":
            return serializers.AlertDetailSerializer
        return serializers.AlertSerializer

    @extend_schema(parameters=ALERT_PARAMETERS)
    @override
    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().list(request, *args, **kwargs)

    @extend_schema(responses=serializers.TransitionSerializer(many=True))
    @action(detail=True)
    def transitions(self, request: Request, **kwargs: Any) -> Response:
        """The alert's timeline, oldest first."""
        rows = self.get_object().transitions.all()
        shown = serializers.TransitionSerializer(rows, many=True).data
        return Response({"results": shown, "next": None})

    @extend_schema(request=serializers.NoteSerializer)
    @action(detail=True, methods=["post"])
    def acknowledge(self, request: Request, **kwargs: Any) -> Response:
        """Say that you are at it; doing it twice is fine."""
        return self._act(alert_service.acknowledge)

    @extend_schema(request=serializers.NoteSerializer)
    @action(detail=True, methods=["post"])
    def unacknowledge(self, request: Request, **kwargs: Any) -> Response:
        """Take an acknowledgement back."""
        return self._act(alert_service.unacknowledge)

    @extend_schema(request=serializers.NoteSerializer)
    @action(detail=True, methods=["post"])
    def resolve(self, request: Request, **kwargs: Any) -> Response:
        """End the alert by hand; it returns only when its condition does."""
        return self._act(alert_service.resolve)

    @extend_schema(request=serializers.AssignSerializer)
    @action(detail=True, methods=["post"])
    def assign(self, request: Request, **kwargs: Any) -> Response:
        """Say who has it."""
        alert = self.get_object()
        given = self._given(serializers.AssignSerializer)
        wanted = given["user"]
        with domain_errors():
            user = None
            if wanted is not None:
                user = alert_service.find_member(self.scope, wanted)
            alert = alert_service.assign(
                self.scope,
                alert,
                user,
                now=timezone.now(),
                note=given["note"],
            )
        return self._shown(alert)

    @extend_schema(request=serializers.CommentSerializer)
    @action(detail=True, methods=["post"])
    def comment(self, request: Request, **kwargs: Any) -> Response:
        """Add a remark to the timeline."""
        alert = self.get_object()
        given = self._given(serializers.CommentSerializer)
        with domain_errors():
            alert = alert_service.comment(
                self.scope, alert, now=timezone.now(), note=given["note"]
            )
        return self._shown(alert)

    def _act(self, change: Callable[..., Alert]) -> Response:
        """Do what the service does to an alert, with the note that was given."""
        alert = self.get_object()
        given = self._given(serializers.NoteSerializer)
        with domain_errors():
            alert = change(self.scope, alert, now=timezone.now(), note=given["note"])
        return self._shown(alert)

    def _given(self, form: type[BaseSerializer[Any]]) -> Any:
        given = form(data=self.request.data or {})
        given.is_valid(raise_exception=True)
        return given.validated_data

    def _shown(self, alert: Alert) -> Response:
        return Response(serializers.AlertSerializer(alert).data)
