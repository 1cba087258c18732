from __future__ import annotations

from enum import StrEnum

from django.db import models
from typing_extensions import override

from accounts.models import OrganizationModel, ScopedManager, ScopedQuerySet
from sources.models.source import Source


class LogFormatQuerySet(ScopedQuerySet["LogFormat"]):
    pass


class LogFormat(OrganizationModel):
    """A way of writing lines that an organization has described itself."""

    class Syntax(StrEnum):
        REGEX = "regex"
        PATTERN = "pattern"

    name = models.CharField(max_length=40)
    title = models.CharField(max_length=100, blank=True)
    syntax = models.CharField(
        max_length=10, choices=[(s.value, s.value) for s in Syntax]
    )
    expression = models.TextField(
        help_text="Lines of the format: an RE2 expression with named groups, or a pattern."
    )
    time_format = models.CharField(
        max_length=100, blank=True, help_text="As for strftime; empty: recognised."
    )
    event_start = models.CharField(
        max_length=1000,
        blank=True,
        help_text="What the first line of an event looks like, if it has several.",
    )
    example = models.TextField(blank=True)
    detected = models.BooleanField(
        default=True, help_text="Whether sources that name no format are tried for it."
    )
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = ScopedManager.from_queryset(LogFormatQuerySet)()

    class Meta(OrganizationModel.Meta):
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "name"], name="sources_logformat_unique_name"
            )
        ]

    @override
    def __str__(self) -> str:
        return self.name


class KnownValue(models.Model):
    """A value that a label made of a field has had: their number is bounded."""

    source = models.ForeignKey(Source, on_delete=models.CASCADE)
    slot = models.CharField(max_length=400, help_text="What the value is for.")
    value = models.CharField(max_length=256)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["source", "slot", "value"], name="sources_knownvalue_unique"
            )
        ]

    @override
    def __str__(self) -> str:
        return f"{self.slot}: {self.value}"
