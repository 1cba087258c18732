from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from typing_extensions import override

from accounts.models.membership import Team
from accounts.models.tenant import Organization
from accounts.scope import Permission


class ApiToken(models.Model):
    """A secret that programs present; only its hash is kept.

    A token of no organization is platform-wide: it chooses one by the header
    X-Scope-OrgID. A token of a team sees what a member of that team sees, and what
    it sends in belongs to the team.
    """

    organization = models.ForeignKey(
        Organization, on_delete=models.CASCADE, null=True, blank=True
    )
    team = models.ForeignKey(Team, on_delete=models.CASCADE, null=True, blank=True)
    name = models.CharField(max_length=100, blank=True)
    prefix = models.CharField(
        max_length=12, help_text="The first characters, to tell it by."
    )
    digest = models.CharField(
        max_length=64, unique=True, help_text="SHA-256 of the token."
    )
    permissions = ArrayField(
        models.CharField(
            max_length=10, choices=[(p.value, p.value) for p in Permission]
        )
    )
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True
    )
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)

    objects: ClassVar[models.Manager[ApiToken]] = models.Manager()

    class Meta:
        verbose_name = "API token"
        ordering = ["-created_at"]

    @override
    def __str__(self) -> str:
        return f"{self.name or 'token'} ({self.prefix}…)"

    def is_usable(self, now: datetime) -> bool:
        expired = self.expires_at is not None and self.expires_at <= now
        return self.revoked_at is None and not expired
