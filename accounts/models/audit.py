from __future__ import annotations

from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from typing_extensions import override

from accounts.models.scoped import OrganizationModel, ScopedManager, ScopedQuerySet


class AuditEntryQuerySet(ScopedQuerySet["AuditEntry"]):
    pass


class AuditEntry(OrganizationModel):
    """One change, as it was made; each entry seals the one before it by its hash.

    Written only by `accounts.services.audit.record`, in the change's transaction.
    """

    sequence = models.PositiveBigIntegerField(
        help_text="1, 2, 3 … in the organization."
    )
    at = models.DateTimeField()
    actor_kind = models.CharField(max_length=10)
    actor_id = models.BigIntegerField(null=True)
    actor_name = models.CharField(max_length=254)
    ip = models.GenericIPAddressField(null=True)
    action = models.CharField(
        max_length=100, help_text="noun.verb, as in source.create."
    )
    object_type = models.CharField(max_length=100)
    object_id = models.CharField(max_length=100)
    object_name = models.CharField(max_length=254)
    before = models.JSONField(null=True, encoder=DjangoJSONEncoder)
    after = models.JSONField(null=True, encoder=DjangoJSONEncoder)
    previous_hash = models.CharField(max_length=64)
    hash = models.CharField(max_length=64)

    objects = ScopedManager.from_queryset(AuditEntryQuerySet)()

    class Meta(OrganizationModel.Meta):
        ordering = ["-sequence"]
        verbose_name_plural = "audit entries"
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "sequence"], name="accounts_auditentry_unique"
            )
        ]

    @override
    def __str__(self) -> str:
        return f"{self.action} {self.object_name} by {self.actor_name}"
