"""The pattern rules of an organization, compiled and kept by each worker process."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import numpy.typing as npt
from django.db.models import Count, Max

from alerts.evaluation.patterns import Pattern, PatternSet
from alerts.models import Rule
from alerts.services.specs import matchers_of
from monitoring.labels import Labels, Matcher, make_labels, matches_all

MAX_ORGANIZATIONS = 200

Version = tuple[datetime | None, int | None, int]


@dataclass(frozen=True, slots=True)
class ArmedRule:
    rule: Rule
    matchers: tuple[Matcher, ...]
    group_by: tuple[str, ...]

    def applies_to(self, labels: Labels, team_id: int | None) -> bool:
        """A rule of a team looks at its lines only; one of no team at everyone's."""
        if self.rule.team_id not in {None, team_id}:
            return False
        return matches_all(self.matchers, dict(labels))

    def group_of(self, labels: Labels) -> Labels:
        return make_labels((n, v) for n, v in labels if n in self.group_by)


class Armory:
    """Rules and their compiled patterns, as of one version."""

    def __init__(self, version: Version, rules: Sequence[Rule]) -> None:
        self.version = version
        self.rules = [
            ArmedRule(rule, matchers_of(rule), tuple(rule.group_by)) for rule in rules
        ]
        self.patterns = PatternSet([Pattern(r.pattern, r.ignore_case) for r in rules])

    def applies(
        self, streams: Sequence[Labels], team_id: int | None
    ) -> npt.NDArray[np.bool_]:
        """Return for each rule and each stream whether the rule looks at it."""
        found = [
            [armed.applies_to(labels, team_id) for labels in streams]
            for armed in self.rules
        ]
        return np.array(found, bool).reshape(len(self.rules), len(streams))


_armories: dict[int, Armory] = {}


def armory_of(organization_id: int) -> Armory:
    """Return the organization's enabled pattern rules as they are committed now.

    One cheap query tells whether they have changed: a rule whose creation has been
    answered sees every line that comes after.
    """
    rules = Rule.unscoped.filter(
        organization_id=organization_id, kind=Rule.Kind.PATTERN, enabled=True
    )
    found = rules.aggregate(last=Max("updated_at"), id=Max("pk"), count=Count("pk"))
    version = (found["last"], found["id"], found["count"])
    known = _armories.get(organization_id)
    if known is not None and known.version == version:
        return known
    if len(_armories) >= MAX_ORGANIZATIONS:
        _armories.clear()
    related = rules.select_related("organization", "team").prefetch_related("levels")
    armory = Armory(version, list(related.order_by("pk")) if version[2] else [])
    _armories[organization_id] = armory
    return armory
