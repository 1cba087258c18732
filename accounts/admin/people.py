"""The admin of accounts."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.auth.models import Group
from django.db import transaction
from django.forms import ModelForm
from django.http import HttpRequest
from typing_extensions import override
from unfold.admin import TabularInline

from accounts.admin.records import admin_scope, snapshot
from accounts.admin.scoped import (
    AskedAdmin,
    ReadOnlyAdmin,
    ScopedAdmin,
    ScopedInline,
    SuperuserAdmin,
)
from accounts.models import (
    ApiToken,
    AuditEntry,
    Membership,
    Organization,
    ProcessHeartbeat,
    Team,
    TeamMembership,
    User,
)
from accounts.scope import Role
from accounts.services import audit

LIMITS = ["max_series", "max_streams", "max_retention_days"]

admin.site.unregister(Group)


def may_make_owners(user: Any, organization: Organization) -> bool:
    """Whether the user is above an organization's admins: one of its owners."""
    owns = Membership.objects.filter(
        user=user, organization=organization, role__gte=Role.OWNER
    )
    return user.is_superuser or owns.exists()


class MembershipInline(TabularInline):
    model = Membership
    extra = 0


class TeamMembershipInline(ScopedInline):
    model = TeamMembership


@admin.register(Organization)
class OrganizationAdmin(ScopedAdmin):
    organization_path = "pk"
    list_display = ["name", "slug", "created_at", "max_series", "max_streams"]
    search_fields = ["name", "slug"]

    @override
    def _organization_of(self, obj: Any) -> Organization | None:
        return obj  # type: ignore[no-any-return]

    @override
    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        """The limits are the operator's word to the organization."""
        names = super().get_readonly_fields(request, obj)
        return names if request.user.is_superuser else [*names, *LIMITS]

    @override
    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(request.user.is_superuser)

    @override
    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(request.user.is_superuser)


@admin.register(Team)
class TeamAdmin(ScopedAdmin):
    list_display = ["name", "slug", "organization"]
    list_filter = ["organization"]
    search_fields = ["name", "slug"]
    inlines = [TeamMembershipInline]


class MembershipForm(forms.ModelForm[Membership]):
    request: HttpRequest

    class Meta:
        model = Membership
        fields = ["user", "organization", "role"]

    def clean_role(self) -> Any:
        role = self.cleaned_data["role"]
        stored = self.instance.pk and self.instance.organization
        organization = stored or self.cleaned_data.get("organization")
        if role < Role.OWNER or organization is None:
            return role
        if not may_make_owners(self.request.user, organization):
            raise forms.ValidationError("Only an owner makes another owner.")
        return role


@admin.register(Membership)
class MembershipAdmin(AskedAdmin):
    form = MembershipForm
    list_display = ["user", "organization", "role"]
    list_filter = ["role", "organization"]
    search_fields = ["user__email", "user__name"]

    @override
    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        names = super().get_readonly_fields(request, obj)
        return names if obj is None else [*names, "user"]

    @override
    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return obj is None or self._is_below(request, obj)

    @override
    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return obj is None or self._is_below(request, obj)

    def _is_below(self, request: HttpRequest, membership: Membership) -> bool:
        if membership.role < Role.OWNER:
            return True
        return may_make_owners(request.user, membership.organization)


@admin.register(User)
class UserAdmin(SuperuserAdmin):
    list_display = ["email", "name", "is_active", "is_superuser", "last_login"]
    search_fields = ["email", "name"]
    fields = ["email", "name", "is_active", "is_superuser", "last_login", "date_joined"]
    readonly_fields = ["last_login", "date_joined"]
    inlines = [MembershipInline]

    @override
    def save_model(
        self,
        request: HttpRequest,
        obj: User,
        form: ModelForm[Any],
        change: bool,
    ) -> None:
        before = snapshot(User.objects.get(pk=obj.pk)) if change else None
        if not change:
            obj.set_unusable_password()
        super().save_model(request, obj, form, change)
        self._record(request, obj, "update", before, snapshot(obj))

    @override
    def delete_model(self, request: HttpRequest, obj: User) -> None:
        self._record(request, obj, "delete", snapshot(obj), None)
        super().delete_model(request, obj)

    @override
    @transaction.atomic
    def delete_queryset(self, request: HttpRequest, queryset: Iterable[User]) -> None:
        for user in queryset:
            self.delete_model(request, user)

    def _record(
        self, request: HttpRequest, user: User, verb: str, before: Any, after: Any
    ) -> None:
        """A person's change is news in each of their organizations."""
        for organization in Organization.objects.filter(memberships__user=user):
            scope = admin_scope(request, organization)
            audit.record(scope, f"user.{verb}", user, before=before, after=after)


@admin.register(ApiToken)
class ApiTokenAdmin(ReadOnlyAdmin):
    """Tokens are made by the API or by `create_token`, which can show them once."""

    list_display = [
        "prefix",
        "name",
        "organization",
        "team",
        "expires_at",
        "revoked_at",
    ]
    exclude = ["digest"]


@admin.register(AuditEntry)
class AuditEntryAdmin(ReadOnlyAdmin):
    list_display = ["at", "organization", "actor_name", "action", "object_name"]
    list_filter = ["action", "organization"]
    search_fields = ["actor_name", "object_name"]


@admin.register(ProcessHeartbeat)
class ProcessHeartbeatAdmin(SuperuserAdmin):
    """Written by the processes themselves."""

    list_display = ["name", "kind", "started_at", "beat_at"]

    @override
    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    @override
    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
