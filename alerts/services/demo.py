"""The rules that a new installation starts with."""

from __future__ import annotations

from django.utils import timezone

from accounts.scope import Scope
from alerts.models import Rule
from alerts.services.rule_drafts import LevelDraft, RuleDraft
from alerts.services.rules import create_rule


def create_demo_rules(scope: Scope) -> list[Rule]:
    """Create them, except those whose name is taken; return the new ones."""
    taken = set(
        Rule.objects.visible_to(scope).values_list("name", flat=True),
    )
    drafts = [draft for draft in _drafts() if draft.name not in taken]
    return [create_rule(scope, draft, now=timezone.now()) for draft in drafts]


def _drafts() -> list[RuleDraft]:
    return [
        _share(
            "CPU usage",
            "100 * avg_over_time(host_cpu_usage_ratio[1m])",
            'CPU is {{ $value | printf "%.0f" }} % busy',
            hold_seconds=30,
        ),
        _share(
            "Memory usage",
            "100 * host_memory_usage_ratio",
            'Memory is {{ $value | printf "%.0f" }} % used',
            hold_seconds=30,
        ),
        _share(
            "Disk usage",
            "100 * max by (mountpoint, source) (host_filesystem_usage_ratio)",
            '{{ $labels.mountpoint }} is {{ $value | printf "%.0f" }} % full',
            hold_seconds=60,
        ),
        _error_burst(),
    ]


def _share(name: str, query: str, summary: str, *, hold_seconds: int) -> RuleDraft:
    """A rule on a share in percent: warning above 80, critical above 90."""
    levels = tuple(
        LevelDraft(
            severity=severity,
            threshold=threshold,
            recovery_threshold=threshold - 5,
            hold_seconds=hold_seconds,
        )
        for severity, threshold in (("warning", 80.0), ("critical", 90.0))
    )
    return RuleDraft(
        name=name,
        kind=Rule.Kind.THRESHOLD,
        query=query,
        unit="percent",
        interval_seconds=5,
        levels=levels,
        annotations={"summary": summary},
    )


def _error_burst() -> RuleDraft:
    return RuleDraft(
        name="Error burst",
        kind=Rule.Kind.PATTERN,
        description="Many lines with ERROR or FATAL within a minute.",
        pattern=r"\bERROR\b|\bFATAL\b",
        group_by=["source"],
        window_seconds=60,
        interval_seconds=5,
        levels=(
            LevelDraft(severity="warning", comparator="ge", threshold=5.0),
            LevelDraft(severity="critical", comparator="ge", threshold=10.0),
        ),
        annotations={
            "summary": "{{ $value }} error lines within a minute in {{ $labels.source }}"
        },
    )
