"""Rules and channels in the admin: written through their services, like everywhere."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db import transaction
from django.forms.models import BaseInlineFormSet
from django.http import HttpRequest
from django.utils import timezone
from typing_extensions import override

from accounts.admin import (
    ReadOnlyAdmin,
    ScopedAdmin,
    ScopedInline,
    ServiceAdmin,
    ServiceForm,
    admin_scope,
    sentences,
)
from alerts.models import (
    Alert,
    Notification,
    NotificationChannel,
    Rule,
    RuleGroup,
    RuleLevel,
    Transition,
)
from alerts.services.channels import (
    ChannelDraft,
    InvalidChannelError,
    create_channel,
    delete_channel,
    update_channel,
)
from alerts.services.presentation import shown_config
from alerts.services.rule_drafts import (
    InvalidRuleError,
    LevelDraft,
    RuleDraft,
)
from alerts.services.rules import create_rule, delete_rule, update_rule

RULE_SETTINGS = [
    "name",
    "kind",
    "query",
    "pattern",
    "ignore_case",
    "matchers",
    "group_by",
    "window_seconds",
    "interval_seconds",
    "no_data",
    "unit",
    "labels",
    "annotations",
    "description",
    "team",
    "enabled",
]
LEVEL_SETTINGS = [
    "severity",
    "comparator",
    "threshold",
    "recovery_threshold",
    "hold_seconds",
    "keep_firing_seconds",
]


class LevelFormSet(BaseInlineFormSet[RuleLevel, Rule, forms.ModelForm[RuleLevel]]):
    """Asks the service, in a transaction that is taken back, what it would refuse of
    the rule and its levels."""

    request: HttpRequest

    @override
    def clean(self) -> None:
        super().clean()
        if any(self.errors) or self.instance.organization_id is None:
            return
        try:
            with transaction.atomic():
                save_rule(self.request, self.instance, self.forms)
                transaction.set_rollback(True)
        except InvalidRuleError as error:
            raise ValidationError(list(sentences(error.fields))) from None


def save_rule(request: HttpRequest, rule: Rule, level_forms: Iterable[Any]) -> Rule:
    """Create or change what the page describes. Raises InvalidRuleError."""
    scope, now = admin_scope(request, rule.organization), timezone.now()
    draft = rule_draft(rule, level_forms)
    stored = Rule.unscoped.filter(pk=rule.pk).first()
    if stored is None:
        return create_rule(scope, draft, now=now)
    return update_rule(scope, stored, draft, now=now)


def rule_draft(rule: Rule, level_forms: Iterable[Any]) -> RuleDraft:
    """Return the draft of what the page describes; levels in the page's order."""
    kept = [
        form.cleaned_data
        for form in level_forms
        if form.cleaned_data and not form.cleaned_data.get("DELETE")
    ]
    kept.sort(key=lambda data: data["position"])
    levels = tuple(
        LevelDraft(
            **{name: data[name] for name in LEVEL_SETTINGS},
            channels=tuple(data["channels"]),
        )
        for data in kept
    )
    settings = {name: getattr(rule, name) for name in RULE_SETTINGS}
    return RuleDraft(levels=levels, **settings)


class LevelInline(ScopedInline):
    model = RuleLevel
    formset = LevelFormSet
    min_num = 1
    fields = ["position", *LEVEL_SETTINGS, "channels"]

    @override
    def get_formset(self, request: HttpRequest, obj: Any = None, **kwargs: Any) -> Any:
        formset = super().get_formset(request, obj, **kwargs)
        formset.request = request
        return formset


@admin.register(Rule)
class RuleAdmin(ScopedAdmin):
    list_display = ["name", "kind", "organization", "team", "enabled", "updated_at"]
    list_filter = ["kind", "enabled", "organization"]
    search_fields = ["name", "query", "pattern"]
    fields = ["organization", *RULE_SETTINGS]
    inlines = [LevelInline]

    @override
    def save_model(
        self,
        request: HttpRequest,
        obj: Any,
        form: Any,
        change: bool,
    ) -> None:
        """A rule and its levels are one write: save_related makes it."""

    @override
    def save_related(
        self,
        request: HttpRequest,
        form: Any,
        formsets: Any,
        change: bool,
    ) -> None:
        rule = form.instance
        rule.pk = save_rule(request, rule, formsets[0].forms).pk
        # The page's messages tell what each formset did, and ask it.
        for formset in formsets:
            formset.new_objects = formset.changed_objects = formset.deleted_objects = []

    @override
    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        delete_rule(admin_scope(request, obj.organization), obj, now=timezone.now())


class ChannelForm(ServiceForm):
    refusal = InvalidChannelError
    secret = forms.CharField(
        required=False,
        widget=forms.PasswordInput,
        help_text="Kept encrypted and never shown; empty keeps the one there is.",
    )

    class Meta:
        model = NotificationChannel
        fields = [
            "organization",
            "name",
            "kind",
            "config",
            "team",
            "is_default",
            "enabled",
        ]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.initial["config"] = shown_config(self.instance.config or {})

    @override
    def save_by_service(self) -> NotificationChannel:
        stored, scope, given = self.parts()
        secret = given.pop("secret", "")
        draft = ChannelDraft(**given)
        team = draft.team
        if team is not None and team.organization_id != scope.organization_id:
            raise InvalidChannelError(
                {"team": ["The team is of another organization."]}
            )
        if stored is None:
            return create_channel(scope, replace(draft, secret=secret))
        return update_channel(scope, stored, replace(draft, secret=secret or None))


@admin.register(NotificationChannel)
class NotificationChannelAdmin(ServiceAdmin):
    form = ChannelForm
    list_display = ["name", "kind", "organization", "team", "is_default", "enabled"]
    list_filter = ["kind", "organization"]
    search_fields = ["name"]

    @override
    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        delete_channel(admin_scope(request, obj.organization), obj)


class TransitionInline(ScopedInline):
    model = Transition
    can_delete = False
    fields = ["at", "kind", "to_status", "to_severity", "reason", "actor_name", "note"]
    readonly_fields = fields

    @override
    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Alert)
class AlertAdmin(ReadOnlyAdmin):
    """Acted on where people respond: the dashboard and the API."""

    list_display = ["name", "status", "severity", "organization", "team", "started_at"]
    list_filter = ["status", "severity", "organization"]
    search_fields = ["name"]
    inlines = [TransitionInline]


@admin.register(Notification)
class NotificationAdmin(ReadOnlyAdmin):
    list_display = ["created_at", "alert", "channel", "status", "attempts"]
    list_filter = ["status", "organization"]


@admin.register(RuleGroup)
class RuleGroupAdmin(ReadOnlyAdmin):
    """Written as YAML: on its page, by import_prometheus or through the ruler's API."""

    list_display = ["name", "namespace", "language", "team", "organization"]
    list_filter = ["language", "organization"]
    search_fields = ["name", "namespace"]
    list_select_related = ["team", "organization"]
