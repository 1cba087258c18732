"""Heartbeats are made, changed, paused and deleted here: checked and audited."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime
from typing import Any

from django.db import transaction

from accounts.models import Team
from accounts.scope import Scope, TeamRole
from accounts.services import audit
from alerts.models import Rule
from alerts.services.rule_drafts import LevelDraft, RuleDraft
from alerts.services.rules import create_rule
from sources.models import Heartbeat, HeartbeatFlip
from sources.services.access import require_team_role
from sources.services.configs import Errors, InvalidSourceError
from sources.services.heartbeats.schedules import (
    InvalidScheduleError,
    Schedule,
    check_seconds,
)
from sources.services.heartbeats.states import late_at

SLUG = re.compile(r"[a-z0-9_-]{1,100}\Z")
MAX_NAME, MAX_TAGS, MAX_WORDS, MAX_WORD = 100, 20, 20, 200
_Status = Heartbeat.Status

RULE_NAME = "Heartbeat missed"


class NotPausedError(Exception):
    """Only a paused heartbeat can be resumed."""


@dataclass(frozen=True, slots=True)
class HeartbeatSettings:
    """Everything about a heartbeat that people decide."""

    name: str = ""
    slug: str = ""
    description: str = ""
    tags: Sequence[str] = ()
    team: Team | None = None
    kind: str = Heartbeat.Kind.TIMEOUT
    timeout_seconds: int = 86_400
    grace_seconds: int = 3_600
    schedule: str = "* * * * *"
    zone: str = "UTC"
    post_only: bool = False
    start_words: Sequence[str] = ()
    success_words: Sequence[str] = ()
    failure_words: Sequence[str] = ()
    manual_resume: bool = False

    @classmethod
    def names(cls) -> list[str]:
        return [f.name for f in fields(cls)]

    @classmethod
    def of(cls, heartbeat: Heartbeat) -> HeartbeatSettings:
        return cls(**{f.name: getattr(heartbeat, f.name) for f in fields(cls)})

    def changes(self) -> dict[str, Any]:
        """Return every setting by its name."""
        return {f.name: getattr(self, f.name) for f in fields(self)}

    def shown(self) -> dict[str, Any]:
        """Return the settings for the audit log."""
        return {**self.changes(), "team": self.team.slug if self.team else None}


@transaction.atomic
def create_heartbeat(
    scope: Scope, wanted: HeartbeatSettings, *, now: datetime
) -> Heartbeat:
    """Raises InvalidSourceError and PermissionRefusedError."""
    wanted = _checked(scope, wanted, now)
    _require_maintainer(scope, wanted.team)
    heartbeat = Heartbeat(organization_id=scope.organization_id)
    _apply(heartbeat, wanted)
    audit.record(scope, "heartbeat.create", heartbeat, after=wanted.shown())
    default_rule(scope, now=now)
    return heartbeat


@transaction.atomic
def update_heartbeat(
    scope: Scope, heartbeat: Heartbeat, changes: Mapping[str, Any], *, now: datetime
) -> Heartbeat:
    """Change the named settings; a new schedule counts from the last ping.

    Raises InvalidSourceError and PermissionRefusedError.
    """
    heartbeat = _locked(scope, heartbeat)
    before = HeartbeatSettings.of(heartbeat)
    wanted = _checked(scope, replace(before, **changes), now)
    _require_maintainer(scope, wanted.team)
    _apply(heartbeat, wanted)
    old, new = audit.differences(before.shown(), wanted.shown())
    if new:
        audit.record(scope, "heartbeat.update", heartbeat, before=old, after=new)
    return heartbeat


@transaction.atomic
def delete_heartbeat(scope: Scope, heartbeat: Heartbeat) -> None:
    """Raises PermissionRefusedError."""
    heartbeat = _locked(scope, heartbeat)
    before = HeartbeatSettings.of(heartbeat).shown()
    audit.record(scope, "heartbeat.delete", heartbeat, before=before)
    heartbeat.delete()


@transaction.atomic
def pause_heartbeat(scope: Scope, heartbeat: Heartbeat, *, now: datetime) -> Heartbeat:
    """Expect no ping until the next one, or until it is resumed.

    Raises PermissionRefusedError.
    """
    heartbeat = _locked(scope, heartbeat)
    if heartbeat.status != _Status.PAUSED:
        _turn(heartbeat, _Status.PAUSED, now)
        audit.record(scope, "heartbeat.pause", heartbeat)
    return heartbeat


@transaction.atomic
def resume_heartbeat(scope: Scope, heartbeat: Heartbeat, *, now: datetime) -> Heartbeat:
    """Wait for its first ping again. Raises NotPausedError, PermissionRefusedError."""
    heartbeat = _locked(scope, heartbeat)
    if heartbeat.status != _Status.PAUSED:
        raise NotPausedError
    heartbeat.last_ping_at = None
    _turn(heartbeat, _Status.NEW, now)
    audit.record(scope, "heartbeat.resume", heartbeat)
    return heartbeat


def default_rule(scope: Scope, *, now: datetime) -> None:
    """See that a missed heartbeat is an alert, unless the organization has had the
    rule before: who has deleted or changed it, meant that."""
    others = Heartbeat.unscoped.filter(organization_id=scope.organization_id)[:2]
    taken = Rule.unscoped.filter(
        organization_id=scope.organization_id, name=RULE_NAME
    ).exists()
    if taken or others.count() > 1:
        return
    system = Scope.of_system(scope.organization_id, scope.organization_slug)
    create_rule(system, _RULE, now=now)


_RULE = RuleDraft(
    name=RULE_NAME,
    kind=Rule.Kind.THRESHOLD,
    query="hc_check_up",
    levels=(LevelDraft("critical", 1.0, "lt"),),
    annotations={
        "summary": "{{ $labels.name }} has not pinged in time, or said it failed."
    },
    description="Made with the first heartbeat; change it as you like.",
)


def _turn(heartbeat: Heartbeat, status: str, now: datetime) -> None:
    HeartbeatFlip.objects.create(
        heartbeat=heartbeat, at=now, from_status=heartbeat.status, to_status=status
    )
    heartbeat.status, heartbeat.last_start_at, heartbeat.late_at = status, None, None
    heartbeat.save()


def _locked(scope: Scope, heartbeat: Heartbeat) -> Heartbeat:
    """Raises PermissionRefusedError."""
    rows = Heartbeat.objects.visible_to(scope).select_for_update(of=("self",))
    found = rows.select_related("team").get(pk=heartbeat.pk)
    _require_maintainer(scope, found.team)
    return found


def _require_maintainer(scope: Scope, team: Team | None) -> None:
    require_team_role(scope, team.pk if team else None, TeamRole.MAINTAINER)


def _apply(heartbeat: Heartbeat, wanted: HeartbeatSettings) -> None:
    for each in fields(wanted):
        value = getattr(wanted, each.name)
        setattr(heartbeat, each.name, list(value) if _is_list(value) else value)
    heartbeat.late_at = late_at(heartbeat)
    heartbeat.save()


def _is_list(value: object) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str)


# --- Checks ----------------------------------------------------------------------------


def _checked(
    scope: Scope, wanted: HeartbeatSettings, now: datetime
) -> HeartbeatSettings:
    """Return the settings as they are stored. Raises InvalidSourceError."""
    slug = wanted.slug or _slug_of(wanted.name)
    wanted = replace(wanted, name=wanted.name.strip(), slug=slug)
    errors: Errors = {}
    for key, problem in _problems(scope, wanted, now):
        errors.setdefault(key, []).append(problem)
    if errors:
        raise InvalidSourceError(errors)
    return wanted


def _slug_of(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:100]


def _problems(
    scope: Scope, wanted: HeartbeatSettings, now: datetime
) -> Iterator[tuple[str, str]]:
    yield from _text_problems(wanted)
    if wanted.team is not None and wanted.team.organization_id != scope.organization_id:
        yield "team", "There is no such team."
    if wanted.kind not in Heartbeat.Kind.values:
        yield "kind", f"This must be one of {', '.join(Heartbeat.Kind.values)}."
        return
    schedule = Schedule(
        wanted.kind, wanted.timeout_seconds, wanted.schedule, wanted.zone
    )
    try:
        schedule.check(now)
    except InvalidScheduleError as error:
        timed = wanted.kind == Heartbeat.Kind.TIMEOUT
        yield "timeout_seconds" if timed else "schedule", str(error)
    try:
        check_seconds(wanted.grace_seconds)
    except InvalidScheduleError as error:
        yield "grace_seconds", str(error)


def _text_problems(wanted: HeartbeatSettings) -> Iterator[tuple[str, str]]:
    if len(wanted.name) > MAX_NAME:
        yield "name", f"A name has at most {MAX_NAME} characters."
    if wanted.slug and not SLUG.fullmatch(wanted.slug):
        yield "slug", "A slug has lower-case letters, digits, hyphens and underscores."
    if len(wanted.tags) > MAX_TAGS or any(not _is_tag(tag) for tag in wanted.tags):
        yield "tags", f"At most {MAX_TAGS} words of at most 50 characters."
    for key in ("start_words", "success_words", "failure_words"):
        words = getattr(wanted, key)
        if len(words) > MAX_WORDS or any(not 0 < len(w) <= MAX_WORD for w in words):
            yield key, f"At most {MAX_WORDS} texts of at most {MAX_WORD} characters."
    texts = (wanted.name, wanted.description, *wanted.tags)
    if any("\0" in text for text in texts):
        yield "name", "A text has no null characters."


def _is_tag(tag: str) -> bool:
    return 0 < len(tag) <= 50 and not any(char.isspace() for char in tag)  # noqa: PLR2004 - the column's width
