"""The rules of retention: checked, ordered, audited; and what a change would delete."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import numpy as np
from django.core.exceptions import PermissionDenied
from django.db import transaction

from accounts.models import Organization, Team
from accounts.scope import Role, Scope
from accounts.services import audit
from monitoring.models import RetentionRule, Signal
from monitoring.models.retention import RetentionRuleQuerySet
from monitoring.services.policy import (
    Clause,
    InvalidSelectorError,
    Policy,
    clause_of,
    ids_by_clause,
    kept_from,
    parse_selector,
    policy_of,
)
from monitoring.services.retention import expired
from monitoring.services.rollup_retention import loss_of_rollups
from monitoring.store.days import NOTHING, Amount, amount, stored_days

MAX_RULES = 100
MAX_SELECTOR = 2000
SHORTEST = timedelta(hours=1)


class InvalidRetentionError(ValueError):
    """A rule that cannot be; `fields` says why, by name."""

    def __init__(self, fields: dict[str, list[str]]) -> None:
        super().__init__("; ".join(t for texts in fields.values() for t in texts))
        self.fields = fields


_DURATION = re.compile(r"(?:(\d{1,4})w)?(?:(\d{1,5})d)?(?:(\d{1,6})h)?", re.ASCII)


def parse_keep_for(text: str) -> timedelta:
    """Return a duration such as 30d, 2w or 36h. Raises InvalidRetentionError."""
    found = _DURATION.fullmatch(text.strip())
    if not text.strip() or found is None:
        raise InvalidRetentionError({"keep_for": ["Use weeks, days, hours: 2w, 30d."]})
    weeks, days, hours = (int(part or 0) for part in found.groups())
    return timedelta(weeks=weeks, days=days, hours=hours)


def keep_for_text(keep_for: timedelta) -> str:
    hours = keep_for // timedelta(hours=1)
    days, hours = divmod(hours, 24)
    return (f"{days}d" if days else "") + (f"{hours}h" if hours or not days else "")


@dataclass(frozen=True, slots=True)
class RetentionDraft:
    """What a rule is to be; team None stands for all of the organization."""

    signal: str
    keep_for: timedelta
    selector: str = ""
    team: Team | None = None


@dataclass(frozen=True, slots=True)
class Loss:
    """What is deleted of one signal; `oldest` is its first day.

    `rollups` counts buckets.
    """

    signal: str
    ids: int
    amount: Amount
    oldest: date | None
    rollups: Amount = NOTHING

    @property
    def bytes(self) -> int:
        return self.amount.bytes + self.rollups.bytes

    @property
    def exact(self) -> bool:
        return self.amount.exact and self.rollups.exact


def visible_rules(scope: Scope) -> RetentionRuleQuerySet:
    return RetentionRule.objects.visible_to(scope).select_related("team")


@transaction.atomic
def create_rule(scope: Scope, draft: RetentionDraft) -> RetentionRule:
    """Add the rule behind all others. Raises PermissionDenied, InvalidRetentionError."""
    rules = _locked(scope)
    if len(rules) >= MAX_RULES:
        raise InvalidRetentionError({"signal": [f"There are {MAX_RULES} rules."]})
    rule = RetentionRule(
        organization_id=scope.organization_id,
        position=max((rule.position for rule in rules), default=0) + 1,
    )
    _write(scope, rule, draft)
    audit.record(scope, "retention_rule.create", rule, after=_audited(rule))
    return rule


@transaction.atomic
def update_rule(scope: Scope, pk: int, draft: RetentionDraft) -> RetentionRule:
    """Raises PermissionDenied, InvalidRetentionError and RetentionRule.DoesNotExist."""
    rule = _one_of(_locked(scope), pk)
    before = _audited(rule)
    _write(scope, rule, draft)
    audit.record(
        scope, "retention_rule.update", rule, before=before, after=_audited(rule)
    )
    return rule


@transaction.atomic
def delete_rule(scope: Scope, pk: int) -> None:
    """Raises PermissionDenied and RetentionRule.DoesNotExist."""
    rule = _one_of(_locked(scope), pk)
    audit.record(scope, "retention_rule.delete", rule, before=_audited(rule))
    rule.delete()


@transaction.atomic
def reorder_rules(scope: Scope, order: Sequence[int]) -> None:
    """Ask the rules in this order. Raises PermissionDenied, InvalidRetentionError."""
    rules = _locked(scope)
    if sorted(order) != sorted(rule.pk for rule in rules):
        raise InvalidRetentionError({"order": ["Name every rule once."]})
    place = {pk: number for number, pk in enumerate(order, 1)}
    before = [rule.pk for rule in rules]
    for rule in rules:
        rule.position = place[rule.pk]
    RetentionRule.unscoped.bulk_update(rules, ["position"])
    if rules and list(order) != before:
        organization = Organization.objects.get(pk=scope.organization_id)
        audit.record(
            scope,
            "retention_rule.reorder",
            organization,
            before={"order": before},
            after={"order": list(order)},
        )


@transaction.atomic
def move_rule(scope: Scope, pk: int, *, by: int) -> None:
    """Move a rule up (-1) or down (1) by one, where there is room.

    Raises PermissionDenied and RetentionRule.DoesNotExist.
    """
    rules = _locked(scope)
    place = rules.index(_one_of(rules, pk))
    order = [rule.pk for rule in rules]
    target = place + by
    if 0 <= target < len(order):
        order[place], order[target] = order[target], order[place]
        reorder_rules(scope, order)


def preview(
    scope: Scope, drafts: Sequence[RetentionDraft], *, now: datetime
) -> list[Loss]:
    """Return what these rules, in this order, would delete that today's keep.

    Raises PermissionDenied and InvalidRetentionError.
    """
    _require_admin(scope)
    current = policy_of(scope.organization_id)
    proposed = current.with_rules([_checked(scope, current, d) for d in drafts])
    return [_loss(scope, current, proposed, signal, now) for signal in Signal.values]


def preview_of_change(
    scope: Scope, draft: RetentionDraft | None, *, replacing: int | None, now: datetime
) -> list[Loss]:
    """Return what one rule added, changed (`replacing`) or removed would delete."""
    drafts = []
    for rule in visible_rules(scope):
        if rule.pk != replacing:
            drafts.append(draft_of(rule))
        elif draft is not None:
            drafts.append(draft)
    if replacing is None and draft is not None:
        drafts.append(draft)
    return preview(scope, drafts, now=now)


def draft_of(rule: RetentionRule) -> RetentionDraft:
    return RetentionDraft(rule.signal, rule.keep_for, rule.selector, rule.team)


def _loss(
    scope: Scope, current: Policy, proposed: Policy, signal: str, now: datetime
) -> Loss:
    before = ids_by_clause(scope, current, signal)
    after = ids_by_clause(scope, proposed, signal)
    total, oldest = NOTHING, None
    lost: set[int] = set()
    for stored in stored_days(
        scope.organization_id, signal, before=kept_from(proposed.shortest(signal), now)
    ):
        goes = np.setdiff1d(
            expired(proposed, signal, stored.day, after, now),
            expired(current, signal, stored.day, before, now),
            assume_unique=True,
        )
        found = amount(scope.organization_id, signal, stored.day, goes)
        if found.records:
            oldest = oldest or stored.day
            lost.update(goes.tolist())
        total += found
    if signal != Signal.METRICS:
        return Loss(signal, len(lost), total, oldest)
    rolled = loss_of_rollups(scope, current, proposed, now)
    days = [day for day in (oldest, rolled.oldest) if day is not None]
    return Loss(
        signal,
        len(lost.union(rolled.ids.tolist())),
        total,
        min(days, default=None),
        rolled.amount,
    )


def _write(scope: Scope, rule: RetentionRule, draft: RetentionDraft) -> None:
    _checked(scope, policy_of(scope.organization_id), draft)
    rule.signal, rule.selector = draft.signal, draft.selector.strip()
    rule.team, rule.keep_for = draft.team, draft.keep_for
    rule.save()


def _checked(scope: Scope, policy: Policy, draft: RetentionDraft) -> Clause:
    """Raises InvalidRetentionError."""
    problems: dict[str, list[str]] = {}
    if draft.signal not in Signal.values:
        problems["signal"] = ["Use metrics or logs."]
    if not SHORTEST <= draft.keep_for <= policy.cap:
        problems["keep_for"] = [f"From 1 hour to {policy.cap.days} days."]
    if draft.team is not None and draft.team.organization_id != scope.organization_id:
        problems["team"] = ["There is no such team."]
    if len(draft.selector) > MAX_SELECTOR:
        problems["selector"] = [f"At most {MAX_SELECTOR} characters."]
    else:
        try:
            parse_selector(draft.selector, draft.signal)
        except InvalidSelectorError as error:
            problems["selector"] = [str(error)]
    if problems:
        raise InvalidRetentionError(problems)
    return clause_of(
        RetentionRule(
            signal=draft.signal,
            selector=draft.selector,
            team=draft.team,
            keep_for=draft.keep_for,
        )
    )


def _require_admin(scope: Scope) -> None:
    if not scope.has_role(Role.ADMIN):
        raise PermissionDenied("Only admins of the organization say what is kept.")


def _locked(scope: Scope) -> list[RetentionRule]:
    """Return the rules in order; whoever else changes them waits. Checks the role."""
    _require_admin(scope)
    Organization.objects.select_for_update().get(pk=scope.organization_id)
    return list(visible_rules(scope))


def _one_of(rules: Sequence[RetentionRule], pk: int) -> RetentionRule:
    for rule in rules:
        if rule.pk == pk:
            return rule
    raise RetentionRule.DoesNotExist


def _audited(rule: RetentionRule) -> dict[str, Any]:
    return {
        "position": rule.position,
        "signal": rule.signal,
        "team": rule.team.slug if rule.team else None,
        "selector": rule.selector,
        "keep_for": rule.keep_for.total_seconds(),
    }
