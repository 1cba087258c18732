from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from typing_extensions import override

from accounts.admin import (
    ReadOnlyAdmin,
    ScopedAdmin,
    ServiceAdmin,
    ServiceForm,
    admin_scope,
)
from monitoring.models import DeleteRequest, LogStream, Metric, RetentionRule, Series
from monitoring.services.retention_rules import (
    InvalidRetentionError,
    RetentionDraft,
    create_rule,
    delete_rule,
    update_rule,
)


@admin.register(Metric)
class MetricAdmin(ScopedAdmin):
    """Made by its first sample; what is said of it may be mended."""

    list_display = ["name", "type", "unit", "organization"]
    list_filter = ["type", "organization"]
    search_fields = ["name", "help"]
    readonly_fields = ["name"]

    @override
    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Series)
class SeriesAdmin(ReadOnlyAdmin):
    list_display = ["metric", "labels", "team", "organization", "created_at"]
    search_fields = ["metric__name"]
    list_select_related = ["metric", "team", "organization"]


@admin.register(LogStream)
class LogStreamAdmin(ReadOnlyAdmin):
    list_display = ["labels", "team", "organization", "created_at"]
    list_select_related = ["team", "organization"]


class RetentionRuleForm(ServiceForm):
    refusal = InvalidRetentionError

    class Meta:
        model = RetentionRule
        fields = ["organization", "signal", "team", "selector", "keep_for"]

    @override
    def save_by_service(self) -> RetentionRule:
        stored, scope, given = self.parts()
        draft = RetentionDraft(**given)
        if stored is None:
            return create_rule(scope, draft)
        return update_rule(scope, stored.pk, draft)


@admin.register(RetentionRule)
class RetentionRuleAdmin(ServiceAdmin):
    form = RetentionRuleForm
    list_display = [
        "position",
        "signal",
        "selector",
        "team",
        "keep_for",
        "organization",
    ]
    list_filter = ["signal", "organization"]
    list_select_related = ["team", "organization"]

    @override
    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        delete_rule(admin_scope(request, obj.organization), obj.pk)


@admin.register(DeleteRequest)
class DeleteRequestAdmin(ReadOnlyAdmin):
    list_display = ["signal", "selectors", "status", "deleted", "organization"]
    list_filter = ["signal", "status", "organization"]
    exclude = ["ids"]
    list_select_related = ["organization"]
