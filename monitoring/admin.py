from __future__ import annotations

from django.contrib import admin

from accounts.admin import ReadOnlyAdmin, ScopedAdmin
from monitoring.models import LogStream, Metric, Series


@admin.register(Metric)
class MetricAdmin(ScopedAdmin):
    list_display = ["name", "type", "unit", "organization"]
    list_filter = ["type", "organization"]
    search_fields = ["name", "help"]


@admin.register(Series)
class SeriesAdmin(ReadOnlyAdmin):
    list_display = ["metric", "labels", "team", "organization", "created_at"]
    search_fields = ["metric__name"]
    list_select_related = ["metric", "team", "organization"]


@admin.register(LogStream)
class LogStreamAdmin(ReadOnlyAdmin):
    list_display = ["labels", "team", "organization", "created_at"]
    list_select_related = ["team", "organization"]
