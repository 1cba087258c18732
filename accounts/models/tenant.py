from __future__ import annotations

from django.core.validators import MinValueValidator, RegexValidator
from django.db import models
from typing_extensions import override

slug_validator = RegexValidator(
    r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\Z",
    "Use lower-case letters, digits and inner hyphens, 63 characters at most.",
)


class Organization(models.Model):
    """A tenant: everything else belongs to exactly one."""

    name = models.CharField(max_length=100)
    slug = models.CharField(
        max_length=63,
        unique=True,
        validators=[slug_validator],
        help_text="Stands in page addresses and in the X-Scope-OrgID header.",
    )
    created_at = models.DateTimeField(auto_now_add=True)
    max_series = models.PositiveIntegerField(
        default=1_000_000, help_text="Series that may exist at a time."
    )
    max_streams = models.PositiveIntegerField(
        default=100_000, help_text="Log streams that may exist at a time."
    )
    metric_retention_days = models.PositiveIntegerField(
        null=True,
        blank=True,
        validators=[MinValueValidator(1)],
        help_text="Days samples are kept where no rule says else; the platform's.",
    )
    log_retention_days = models.PositiveIntegerField(
        null=True,
        blank=True,
        validators=[MinValueValidator(1)],
        help_text="Days lines are kept where no rule says else; the platform's.",
    )
    max_retention_days = models.PositiveIntegerField(
        null=True,
        blank=True,
        validators=[MinValueValidator(1)],
        help_text="The most days any rule may keep; the platform's where empty.",
    )

    class Meta:
        ordering = ["name"]

    @override
    def __str__(self) -> str:
        return self.name
