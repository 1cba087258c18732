"""Admin of things that a service writes: it checks them here, too."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

from django.db import models, transaction
from django.forms import ModelForm
from django.http import HttpRequest
from typing_extensions import override

from accounts.admin.records import admin_scope
from accounts.admin.scoped import AskedAdmin
from accounts.scope import Scope


class ServiceForm(ModelForm):  # type: ignore[type-arg]  # of any model
    """Asks the service, in a transaction that is taken back, what it would refuse."""

    request: HttpRequest
    # What the service raises: its `fields` says what is wrong, by name.
    refusal: ClassVar[type[Exception]]

    def save_by_service(self) -> models.Model:
        """Create or change what the form describes. Raises `refusal`."""
        raise NotImplementedError

    def parts(self) -> tuple[Any, Scope, dict[str, Any]]:
        """Return what is stored, if it is, its organization's scope, and all the rest."""
        given = dict(self.cleaned_data)
        chosen = given.pop("organization", None)
        stored: Any = self._meta.model.unscoped.filter(pk=self.instance.pk).first()
        organization = stored.organization if stored else chosen
        return stored, admin_scope(self.request, organization), given

    @override
    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean()
        if self.errors:
            return cleaned
        try:
            with transaction.atomic():
                self.save_by_service()
                transaction.set_rollback(True)
        except self.refusal as error:
            self._show(getattr(error, "fields", {}))
        return cleaned

    def _show(self, fields: dict[str, Any]) -> None:
        for name, problems in fields.items():
            field = name.partition(".")[0]
            place = field if field in self.fields else None
            self.add_error(place, list(sentences({name: problems})))


class ServiceAdmin(AskedAdmin):
    """Saves by the form's service, which also writes the audit entry."""

    @override
    def save_model(
        self,
        request: HttpRequest,
        obj: Any,
        form: Any,
        change: bool,
    ) -> None:
        obj.pk = form.save_by_service().pk


def sentences(fields: dict[str, Any]) -> Iterable[str]:
    """Return nested errors as sentences that name their field."""
    for name, problems in fields.items():
        if isinstance(problems, dict):
            yield from (f"{name} {text}" for text in sentences(problems))
        elif isinstance(problems, list | tuple):
            yield from (f"{name}: {problem}" for problem in problems if problem)
        else:
            yield f"{name}: {problems}"
