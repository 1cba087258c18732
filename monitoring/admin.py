from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from typing_extensions import override

from accounts.admin import ReadOnlyAdmin, ScopedAdmin
from monitoring.models import LogStream, Metric, Series


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
