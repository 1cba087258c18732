"""What is kept for how long, and deleting what is stored."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
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
    ADMINISTER,
    READ,
    EditableViewSet,
    OrganizationViewSet,
    ScopedAPI,
    editable_by,
)
from monitoring.api import retention_serializers as serializers
from monitoring.models import DeleteRequest, RetentionRule, Signal
from monitoring.services import archive, deletion, hindrances, policy, retention_rules
from monitoring.services.policy import InvalidSelectorError, parse_selector
from monitoring.services.retention_rules import (
    InvalidRetentionError,
    RetentionDraft,
    keep_for_text,
)


@contextmanager
def domain_errors() -> Iterator[None]:
    """Turn what services refuse into the API's errors."""
    try:
        yield
    except (InvalidRetentionError, deletion.InvalidDeleteError) as error:
        raise exceptions.ValidationError(error.fields) from None
    except (RetentionRule.DoesNotExist, DeleteRequest.DoesNotExist):
        raise exceptions.NotFound from None
    except deletion.DeleteConflictError as error:
        raise Conflict(str(error)) from None


@extend_schema(tags=["retention"])
class RetentionRuleViewSet(EditableViewSet):
    """Rules of retention, in the order in which they are asked: the first decides."""

    serializer_class = serializers.RetentionRuleSerializer
    queryset = RetentionRule.unscoped.none()
    filter_backends: list[Any] = []
    pagination_class = None
    access = {
        **editable_by(ADMINISTER),
        "order": ADMINISTER,
    }

    @override
    def get_queryset(self) -> QuerySet[RetentionRule]:
        return retention_rules.visible_rules(self.scope)

    @extend_schema(responses=serializers.RetentionRuleListSerializer)
    @override
    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        rules = self.get_serializer(self.get_queryset(), many=True)
        return Response({"results": rules.data, "next": None})

    @override
    def perform_create(self, serializer: BaseSerializer[Any]) -> None:
        with domain_errors():
            serializer.instance = retention_rules.create_rule(
                self.scope, _draft(serializer.validated_data)
            )

    @override
    def perform_update(self, serializer: BaseSerializer[Any]) -> None:
        rule = serializer.instance
        assert isinstance(rule, RetentionRule)  # noqa: S101 - narrows the type
        known = retention_rules.draft_of(rule)
        with domain_errors():
            serializer.instance = retention_rules.update_rule(
                self.scope, rule.pk, _draft(serializer.validated_data, known)
            )

    @override
    def perform_destroy(self, instance: RetentionRule) -> None:
        with domain_errors():
            retention_rules.delete_rule(self.scope, instance.pk)

    @extend_schema(request=serializers.OrderSerializer, responses={204: None})
    @action(detail=False, methods=["put"])
    def order(self, request: Request, **kwargs: Any) -> Response:
        """Ask the rules in this order from now on."""
        given = serializers.OrderSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        with domain_errors():
            retention_rules.reorder_rules(self.scope, given.validated_data["order"])
        return Response(status=status.HTTP_204_NO_CONTENT)


class RetentionPreviewAPI(ScopedAPI):
    """What a list of rules would delete that is kept today."""

    access = {"post": ADMINISTER}

    @extend_schema(
        operation_id="retention_preview",
        request=serializers.RetentionPreviewRequestSerializer,
        responses=serializers.RetentionPreviewSerializer,
    )
    def post(self, request: Request) -> Response:
        given = serializers.RetentionPreviewRequestSerializer(
            data=request.data, context={"scope": self.scope}
        )
        given.is_valid(raise_exception=True)
        drafts = [_draft(rule) for rule in given.validated_data["rules"]]
        with domain_errors():
            losses = retention_rules.preview(self.scope, drafts, now=timezone.now())
        return Response({"results": [serializers.loss_json(one) for one in losses]})


class RetentionStatusAPI(ScopedAPI):
    """Defaults, what the archive holds, and what is failing."""

    access = {"get": READ}

    @extend_schema(
        operation_id="retention_status", responses=serializers.RetentionStatusSerializer
    )
    def get(self, request: Request) -> Response:
        known = policy.policy_of(self.scope.organization_id)
        return Response(
            {
                "defaults": {
                    signal: keep_for_text(known.defaults[signal])
                    for signal in Signal.values
                },
                "longest": keep_for_text(known.cap),
                "archive": [
                    serializers.archived_json(one)
                    for one in archive.summary(self.scope)
                ],
                "failing": [
                    serializers.hindrance_json(one)
                    for one in hindrances.visible_hindrances(self.scope)
                ],
            }
        )


class _DeleteAPI(ScopedAPI):
    """Delete by matcher: hidden from the answer on, worked off in the background."""

    access = {"post": ADMINISTER}
    signal: str

    def _delete(self, request: Request) -> Response:
        given = serializers.DeleteSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        with domain_errors():
            made = deletion.request_delete(
                self.scope,
                self.signal,
                _selectors(given.validated_data["match"], self.signal),
                given.validated_data["start"],
                given.validated_data["end"],
                now=timezone.now(),
            )
        if made is None:
            return Response({"matched": 0}, status=status.HTTP_200_OK)
        body = {"matched": len(made.ids), **serializers.request_json(made)}
        return Response(body, status=status.HTTP_202_ACCEPTED)


class MetricDeleteAPI(_DeleteAPI):
    """Delete the samples of series."""

    signal = Signal.METRICS

    @extend_schema(
        operation_id="metrics_delete",
        request=serializers.DeleteSerializer,
        responses={202: serializers.DeleteRequestSerializer},
    )
    def post(self, request: Request) -> Response:
        return self._delete(request)


class LogDeleteAPI(_DeleteAPI):
    """Delete the lines of streams."""

    signal = Signal.LOGS

    @extend_schema(
        operation_id="logs_delete",
        request=serializers.DeleteSerializer,
        responses={202: serializers.DeleteRequestSerializer},
    )
    def post(self, request: Request) -> Response:
        return self._delete(request)


@extend_schema(tags=["retention"])
class DeleteRequestViewSet(
    mixins.ListModelMixin, mixins.RetrieveModelMixin, OrganizationViewSet
):
    """What was asked to be deleted, newest first, and how far it has come."""

    serializer_class = serializers.DeleteRequestSerializer
    queryset = DeleteRequest.unscoped.none()
    filter_backends: list[Any] = []
    access = {"list": ADMINISTER, "retrieve": ADMINISTER, "destroy": ADMINISTER}

    @override
    def get_queryset(self) -> QuerySet[DeleteRequest]:
        return deletion.visible_requests(self.scope)

    @extend_schema(responses=serializers.DeleteRequestSerializer)
    def destroy(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Take a request back, within a minute; all of it is seen again."""
        with domain_errors():
            made = deletion.cancel_delete(
                self.scope, self.get_object().pk, now=timezone.now()
            )
        return Response(serializers.request_json(made))


def _draft(given: Any, known: RetentionDraft | None = None) -> RetentionDraft:
    return replace(known, **given) if known else RetentionDraft(**given)


def _selectors(texts: list[str], signal: str) -> list[tuple[Any, ...]]:
    try:
        return [parse_selector(text, signal) for text in texts]
    except InvalidSelectorError as error:
        raise exceptions.ValidationError({"match": [str(error)]}) from None
