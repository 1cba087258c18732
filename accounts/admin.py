"""The admin of accounts, and the base that keeps every admin inside its organization."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.contrib.auth.models import Group
from django.db import models
from django.forms import ModelForm
from django.http import HttpRequest
from typing_extensions import override
from unfold.admin import ModelAdmin, TabularInline

from accounts.http import client_ip
from accounts.models import (
    ApiToken,
    AuditEntry,
    Membership,
    Organization,
    OrganizationModel,
    ProcessHeartbeat,
    Team,
    TeamMembership,
    User,
)
from accounts.scope import ALL_PERMISSIONS, Actor, ActorKind, Role, Scope
from accounts.services import audit

admin.site.unregister(Group)


def administered_organizations(user: Any) -> models.QuerySet[Organization]:
    """Return the organizations whose things the user may configure."""
    if user.is_superuser:
        return Organization.objects.all()
    return Organization.objects.filter(
        memberships__user=user, memberships__role__gte=Role.ADMIN
    )


class ScopedAdmin(ModelAdmin):
    """Shows and takes only what belongs to organizations the user administers.

    `organization_path` leads from the model to its organization.
    """

    organization_path = "organization"

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[Any]:
        rows: models.QuerySet[Any] = self.model._base_manager.all()  # noqa: SLF001 - the unscoped manager, by Django's name
        mine = administered_organizations(request.user)
        return rows.filter(**{f"{self.organization_path}__in": mine})

    def formfield_for_foreignkey(
        self, db_field: Any, request: HttpRequest, **kwargs: Any
    ) -> Any:
        kwargs["queryset"] = self._choices(db_field.related_model, request)
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def formfield_for_manytomany(
        self, db_field: Any, request: HttpRequest, **kwargs: Any
    ) -> Any:
        kwargs["queryset"] = self._choices(db_field.related_model, request)
        return super().formfield_for_manytomany(db_field, request, **kwargs)

    def _choices(
        self, model: type[models.Model], request: HttpRequest
    ) -> models.QuerySet[Any]:
        mine = administered_organizations(request.user)
        if model is Organization:
            return mine
        if model is User:
            return User.objects.filter(memberships__organization__in=mine).distinct()
        rows = model._base_manager.all()  # noqa: SLF001 - as above
        if issubclass(model, OrganizationModel):
            return rows.filter(organization__in=mine)
        return rows

    # The site lets only administrators in; the queryset does the rest.

    def has_module_permission(self, request: HttpRequest) -> bool:
        return True

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return True

    def has_add_permission(self, request: HttpRequest) -> bool:
        return True

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return True

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return True

    # Every write is audited, in its own transaction.

    def save_model(
        self,
        request: HttpRequest,
        obj: Any,
        form: ModelForm[Any],
        change: bool,  # noqa: FBT001 - Django's signature
    ) -> None:
        before = self._stored(obj) if change else None
        super().save_model(request, obj, form, change)
        self._record(request, obj, "update" if change else "create", before)

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        self._record(request, obj, "delete", snapshot(obj), gone=True)
        super().delete_model(request, obj)

    def delete_queryset(
        self, request: HttpRequest, queryset: models.QuerySet[Any]
    ) -> None:
        for obj in queryset:
            self.delete_model(request, obj)

    def _stored(self, obj: models.Model) -> dict[str, Any]:
        return snapshot(type(obj)._base_manager.get(pk=obj.pk))  # noqa: SLF001 - as above

    def _record(
        self,
        request: HttpRequest,
        obj: models.Model,
        verb: str,
        before: dict[str, Any] | None,
        *,
        gone: bool = False,
    ) -> None:
        organization = self._organization_of(obj)
        if organization is None:
            return
        scope = admin_scope(request, organization)
        action = f"{obj._meta.model_name}.{verb}"  # noqa: SLF001 - Model._meta API
        after = None if gone else snapshot(obj)
        audit.record(scope, action, obj, before=before, after=after)

    def _organization_of(self, obj: Any) -> Organization | None:
        for step in self.organization_path.split("__"):
            if step != "pk":
                obj = getattr(obj, step)
        return obj if isinstance(obj, Organization) else None


class ReadOnlyAdmin(ScopedAdmin):
    """For what machines write: to be looked at."""

    @override
    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    @override
    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    @override
    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class SuperuserAdmin(ModelAdmin):
    """For what no single organization owns."""

    def has_module_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.is_superuser)


def admin_scope(request: HttpRequest, organization: Organization) -> Scope:
    """Return the scope of an administrator's work in one organization."""
    user = request.user
    actor = Actor(ActorKind.USER, user.pk, str(user), client_ip(request))
    return Scope(organization.pk, organization.slug, actor, Role.OWNER, ALL_PERMISSIONS)


SECRET_FIELDS = frozenset({"password", "secret", "digest", "payload"})


def snapshot(obj: models.Model) -> dict[str, Any]:
    """Return an object's fields for the audit log, without its secrets."""
    return {
        field.attname: field.value_from_object(obj)
        for field in obj._meta.concrete_fields  # noqa: SLF001 - Model._meta API
        if field.name not in SECRET_FIELDS
    }


class MembershipInline(TabularInline):
    model = Membership
    extra = 0
    autocomplete_fields = ["user"]


class TeamMembershipInline(TabularInline):
    model = TeamMembership
    extra = 0


@admin.register(Organization)
class OrganizationAdmin(ScopedAdmin):
    organization_path = "pk"
    list_display = ["name", "slug", "created_at", "max_series", "max_streams"]
    search_fields = ["name", "slug"]

    @override
    def _organization_of(self, obj: Any) -> Organization | None:
        return obj  # type: ignore[no-any-return]

    @override
    def has_add_permission(self, request: HttpRequest) -> bool:
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


@admin.register(Membership)
class MembershipAdmin(ScopedAdmin):
    list_display = ["user", "organization", "role"]
    list_filter = ["role"]
    search_fields = ["user__email", "user__name"]


@admin.register(User)
class UserAdmin(SuperuserAdmin):
    list_display = ["email", "name", "is_active", "is_superuser", "last_login"]
    search_fields = ["email", "name"]
    fields = ["email", "name", "is_active", "is_superuser", "last_login", "date_joined"]
    readonly_fields = ["last_login", "date_joined"]
    inlines = [MembershipInline]


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
    list_display = ["name", "kind", "started_at", "beat_at"]
