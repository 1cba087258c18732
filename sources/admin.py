"""Sources in the admin: configured through the same service as everywhere else."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.utils import timezone
from typing_extensions import override

from accounts.admin import (
    ReadOnlyAdmin,
    ServiceAdmin,
    ServiceForm,
    admin_scope,
)
from sources.models import (
    Cursor,
    DeadLetter,
    Heartbeat,
    InboxBatch,
    LogFormat,
    PipelineMinute,
    Source,
)
from sources.services import log_formats
from sources.services.configs import shown_config
from sources.services.heartbeats.settings import (
    HeartbeatSettings,
    create_heartbeat,
    delete_heartbeat,
    update_heartbeat,
)
from sources.services.kinds import CHOICES
from sources.services.sources import (
    InvalidSourceError,
    create_source,
    delete_source,
    update_source,
)

SETTINGS = [
    "kind",
    "name",
    "team",
    "enabled",
    "config",
    "labels",
    "format",
    "processing",
    "priority",
]


class SourceForm(ServiceForm):
    refusal = InvalidSourceError
    # Push sources have nothing to configure, and an object may be empty.
    config = forms.JSONField(required=False, initial=dict)
    kind = forms.ChoiceField(choices=CHOICES)
    processing = forms.JSONField(required=False, initial=dict)

    class Meta:
        model = Source
        fields = ["organization", *SETTINGS]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk:
            shown = shown_config(self.instance.kind, self.instance.config)
            self.initial["config"] = shown

    @override
    def save_by_service(self) -> Source:
        stored, scope, given = self.parts()
        settings = {name: given[name] for name in SETTINGS if name in given}
        for name in {"config", "processing"} & settings.keys():
            settings[name] = settings[name] or {}
        team = settings.get("team")
        if team is not None and team.organization_id != scope.organization_id:
            raise InvalidSourceError({"team": ["The team is of another organization."]})
        if stored is None:
            return create_source(scope, **settings)
        return update_source(scope, stored, **settings)


@admin.register(Source)
class SourceAdmin(ServiceAdmin):
    form = SourceForm
    list_display = ["name", "kind", "organization", "team", "enabled", "updated_at"]
    list_filter = ["kind", "enabled", "organization"]
    search_fields = ["name"]

    @override
    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        names = super().get_readonly_fields(request, obj)
        return names if obj is None else [*names, "kind"]

    @override
    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        delete_source(admin_scope(request, obj.organization), obj)


@admin.register(DeadLetter)
class DeadLetterAdmin(ReadOnlyAdmin):
    """Replayed and discarded on the source's page or over the API."""

    list_display = ["failed_at", "organization", "source", "kind", "count", "error"]
    list_filter = ["kind", "organization"]
    exclude = ["payload"]


@admin.register(InboxBatch)
class InboxBatchAdmin(ReadOnlyAdmin):
    list_display = ["id", "organization", "source", "kind", "count", "attempts"]
    list_filter = ["kind", "priority"]
    exclude = ["payload"]


@admin.register(Cursor)
class CursorAdmin(ReadOnlyAdmin):
    organization_path = "source__organization"
    list_display = ["path", "source", "offset", "updated_at"]
    search_fields = ["path"]


@admin.register(PipelineMinute)
class PipelineMinuteAdmin(ReadOnlyAdmin):
    list_display = ["minute", "organization", "lines", "samples", "batches", "failures"]
    list_filter = ["organization"]


class HeartbeatForm(ServiceForm):
    refusal = InvalidSourceError

    class Meta:
        model = Heartbeat
        fields = ["organization", *HeartbeatSettings.names()]

    @override
    def save_by_service(self) -> Heartbeat:
        stored, scope, given = self.parts()
        now = timezone.now()
        if stored is None:
            return create_heartbeat(scope, HeartbeatSettings(**given), now=now)
        return update_heartbeat(scope, stored, given, now=now)


@admin.register(Heartbeat)
class HeartbeatAdmin(ServiceAdmin):
    """Its pings and its address are on its page."""

    form = HeartbeatForm
    list_display = ["name", "status", "kind", "last_ping_at", "team", "organization"]
    list_filter = ["status", "kind", "organization"]
    search_fields = ["name", "slug"]
    list_select_related = ["team", "organization"]

    @override
    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        delete_heartbeat(admin_scope(request, obj.organization), obj)


class LogFormatForm(ServiceForm):
    refusal = InvalidSourceError

    class Meta:
        model = LogFormat
        fields = ["organization", *log_formats.SETTINGS]

    @override
    def save_by_service(self) -> LogFormat:
        stored, scope, given = self.parts()
        if stored is None:
            return log_formats.create_format(scope, **given)
        return log_formats.update_format(scope, stored, **given)


@admin.register(LogFormat)
class LogFormatAdmin(ServiceAdmin):
    form = LogFormatForm
    list_display = ["name", "title", "syntax", "detected", "organization"]
    list_filter = ["syntax", "organization"]
    search_fields = ["name", "title"]

    @override
    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        log_formats.delete_format(admin_scope(request, obj.organization), obj)
