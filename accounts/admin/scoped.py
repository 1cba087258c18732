"""The base that keeps every admin inside its organizations."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db import models, transaction
from django.forms import ModelForm
from django.http import HttpRequest
from typing_extensions import override
from unfold.admin import ModelAdmin, TabularInline

from accounts.admin.records import admin_scope, record_rows, snapshot
from accounts.models import Organization, OrganizationModel, User
from accounts.scope import Role
from accounts.services import audit


def administered_organizations(user: Any) -> models.QuerySet[Organization]:
    """Return the organizations whose things the user may configure."""
    if user.is_superuser:
        return Organization.objects.all()
    return Organization.objects.filter(
        memberships__user=user, memberships__role__gte=Role.ADMIN
    )


def choices_for(
    user: Any, model: type[models.Model] | None
) -> models.QuerySet[Any] | None:
    """Return what the user may point at; None for models of no organization."""
    mine = administered_organizations(user)
    if model is Organization:
        return mine
    if model is User:
        return User.objects.filter(memberships__organization__in=mine).distinct()
    if model is not None and issubclass(model, OrganizationModel):
        return model.unscoped.filter(organization__in=mine)
    return None


class ScopedFields:
    """Offers only what belongs to organizations the user administers."""

    def formfield_for_foreignkey(
        self, db_field: Any, request: HttpRequest, **kwargs: Any
    ) -> Any:
        kwargs["queryset"] = choices_for(request.user, db_field.related_model)
        return super().formfield_for_foreignkey(db_field, request, **kwargs)  # type: ignore[misc]  # a mixin

    def formfield_for_manytomany(
        self, db_field: Any, request: HttpRequest, **kwargs: Any
    ) -> Any:
        kwargs["queryset"] = choices_for(request.user, db_field.related_model)
        return super().formfield_for_manytomany(db_field, request, **kwargs)  # type: ignore[misc]  # a mixin

    # The site lets only administrators in; the queryset does the rest.

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return True

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return True

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return True

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return True


class ScopedInline(ScopedFields, TabularInline):
    """Rows of a thing, for whoever may open it."""

    extra = 0


class RecordingAdmin(ModelAdmin):
    """Records each row of a page's formsets that is made, changed or deleted."""

    @override
    def save_formset(
        self,
        request: HttpRequest,
        form: ModelForm[Any],
        formset: Any,
        change: bool,
    ) -> None:
        record_rows(request, form.instance, formset)


class ScopedAdmin(ScopedFields, RecordingAdmin):
    """Shows and takes only what belongs to organizations the user administers.

    `organization_path` leads from the model to its organization.
    """

    organization_path = "organization"

    @override
    def get_queryset(self, request: HttpRequest) -> models.QuerySet[Any]:
        rows: models.QuerySet[Any] = self.model._base_manager.all()  # noqa: SLF001 - the unscoped manager, by Django's name
        if request.user.is_superuser:
            return rows
        mine = administered_organizations(request.user)
        return rows.filter(**{f"{self.organization_path}__in": mine})

    @override
    def get_list_filter(self, request: HttpRequest) -> list[Any]:
        """Name only the organizations that the list holds, not every one there is."""
        only_listed = ("organization", admin.RelatedOnlyFieldListFilter)
        return [
            only_listed if name == "organization" else name for name in self.list_filter
        ]

    @override
    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        """A thing stays in its organization."""
        names = list(super().get_readonly_fields(request, obj))
        moves = obj is not None and hasattr(obj, "organization_id")
        return [*names, "organization"] if moves else names

    @override
    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """What machines wrote goes with its thing, though nobody deletes it alone."""
        found, counts, _, protected = super().get_deleted_objects(objs, request)
        refused = {
            str(self.opts.verbose_name)
            for obj in objs
            if not self.has_delete_permission(request, obj)
        }
        return found, counts, refused, protected

    @override
    def has_module_permission(self, request: HttpRequest) -> bool:
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

    @transaction.atomic
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
    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    @override
    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    @override
    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class AskedAdmin(ScopedAdmin):
    """Its forms know who asks."""

    @override
    def get_form(self, request: HttpRequest, obj: Any = None, **kwargs: Any) -> Any:
        form = super().get_form(request, obj, **kwargs)
        form.request = request
        return form


class SuperuserAdmin(RecordingAdmin):
    """For what no single organization owns."""

    def has_module_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.is_superuser)
