"""The base of everything that belongs to one organization."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Self, TypeVar

from django.db import models
from typing_extensions import override

from accounts.models.tenant import Organization

if TYPE_CHECKING:
    from accounts.scope import Scope

M = TypeVar("M", bound=models.Model)


class UnscopedQueryError(RuntimeError):
    """A tenant's table was about to be read without saying for whom."""


class ScopedQuerySet(models.QuerySet[M]):
    def visible_to(self, scope: Scope) -> Self:
        """Keep what the scope's actor may know of: others' rows do not exist."""
        rows = self.filter(organization_id=scope.organization_id)
        teams = scope.visible_teams
        return rows if teams is None else rows.filter(self._visible_in_teams(teams))

    def _visible_in_teams(self, teams: frozenset[int]) -> models.Q:
        """Narrow to the teams an ordinary member is in; models without a team do not."""
        names = {field.name for field in self.model._meta.get_fields()}  # noqa: SLF001 - Django's documented Model._meta API
        if "team" not in names:
            return models.Q()
        return models.Q(team__isnull=True) | models.Q(team_id__in=teams)


class ScopedManager(models.Manager[M]):
    """A manager that answers only after a scope has been named."""

    @override
    def get_queryset(self) -> models.QuerySet[M]:
        raise UnscopedQueryError(f"Use {self.model.__name__}.objects.visible_to(scope)")

    if not TYPE_CHECKING:  # The type comes from the queryset, through from_queryset().

        def visible_to(self, scope: Scope) -> ScopedQuerySet[M]:
            return super().get_queryset().visible_to(scope)

        def none(self) -> ScopedQuerySet[M]:
            """Nothing is nobody's: the OpenAPI generator asks for it."""
            return super().get_queryset().none()


class OrganizationModel(models.Model):
    """Base of every model that belongs to exactly one organization.

    A subclass declares `objects = ScopedManager.from_queryset(ItsQuerySet)()` and
    inherits this Meta, or the refusing manager becomes the default one.
    """

    organization = models.ForeignKey(Organization, on_delete=models.CASCADE)

    # For Django's own machinery (admin, related fields, migrations) and for
    # work that spans tenants, such as the evaluator. Never for a request.
    unscoped: ClassVar[models.Manager[Self]] = models.Manager()

    class Meta:
        abstract = True
        default_manager_name = "unscoped"
        base_manager_name = "unscoped"
