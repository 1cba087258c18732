"""A ping comes in: which heartbeat it is for, what it says, and what that changes."""

from __future__ import annotations

import logging
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction

from accounts.scope import Scope
from sources.models import Heartbeat, HeartbeatFlip, HeartbeatPing, PingKey
from sources.services.heartbeats import figures
from sources.services.heartbeats.keys import digest_of
from sources.services.heartbeats.settings import SLUG, default_rule
from sources.services.heartbeats.states import late_at
from sources.services.inbox import BacklogFullError

logger = logging.getLogger(__name__)

Kind = HeartbeatPing.Kind
_Status = Heartbeat.Status
# So many pings are kept of each heartbeat; older ones go as new ones come.
KEPT = 100
MOST_HEARTBEATS = 10_000
MAX_EXIT_STATUS = 255


class UnknownHeartbeatError(LookupError):
    """No heartbeat is at that address."""


class AmbiguousSlugError(Exception):
    """Several heartbeats of the organization have that slug."""


class TooManyHeartbeatsError(Exception):
    """The organization may not have one more made by a ping."""


@dataclass(frozen=True, slots=True)
class Signal:
    """What a ping says; `body` is cut to the limit already."""

    kind: str
    at: datetime
    method: str
    scheme: str = "https"
    exit_status: int | None = None
    rid: uuid.UUID | None = None
    remote_address: str | None = None
    user_agent: str = ""
    body: bytes = b""


def kind_of(action: str, exit_status: int | None) -> str:
    """Return what the end of a ping's address means."""
    if exit_status is not None:
        return Kind.FAIL if exit_status else Kind.SUCCESS
    return {"": Kind.SUCCESS, "start": Kind.START, "fail": Kind.FAIL, "log": Kind.LOG}[
        action
    ]


def find_by_code(code: uuid.UUID) -> int:
    """Return the heartbeat's key. Raises UnknownHeartbeatError."""
    found = Heartbeat.unscoped.filter(code=code).values_list("pk", flat=True).first()
    if found is None:
        raise UnknownHeartbeatError
    return int(found)


def find_by_slug(
    key: str, slug: str, *, create: bool, now: datetime
) -> tuple[int, bool]:
    """Return the heartbeat's key, and whether it was made for this ping.

    Raises UnknownHeartbeatError, AmbiguousSlugError, TooManyHeartbeatsError.
    """
    owner = PingKey.unscoped.filter(digest=digest_of(key)).first()
    if owner is None or not SLUG.fullmatch(slug):
        raise UnknownHeartbeatError
    with transaction.atomic():
        PingKey.unscoped.select_for_update().get(pk=owner.pk)
        rows = Heartbeat.unscoped.filter(organization_id=owner.organization_id)
        found = list(rows.filter(slug=slug).values_list("pk", flat=True)[:2])
        if len(found) > 1:
            raise AmbiguousSlugError
        if found:
            return int(found[0]), False
        if not create:
            raise UnknownHeartbeatError
        if rows.count() >= MOST_HEARTBEATS:
            raise TooManyHeartbeatsError
        made = Heartbeat.unscoped.create(
            organization_id=owner.organization_id, name=slug, slug=slug
        )
        default_rule(
            Scope.of_system(owner.organization_id, owner.organization.slug), now=now
        )
    return made.pk, True


@transaction.atomic
def ping(heartbeat_id: int, signal: Signal) -> HeartbeatPing:
    """Keep the ping and let it change the heartbeat. Raises UnknownHeartbeatError."""
    rows = Heartbeat.unscoped.select_for_update()
    heartbeat = rows.filter(pk=heartbeat_id).first()
    if heartbeat is None:
        raise UnknownHeartbeatError
    kind = _meaning(heartbeat, signal)
    before = heartbeat.status
    duration = _apply(heartbeat, kind, signal)
    heartbeat.pings_total += 1
    heartbeat.late_at = late_at(heartbeat)
    heartbeat.save()
    kept = _keep(heartbeat, kind, signal, duration)
    if heartbeat.status != before:
        note_flip(heartbeat, before, signal.at)
    return kept


def note_flip(heartbeat: Heartbeat, before: str, now: datetime) -> None:
    """Write the change of status down, and into the metrics that rules look at."""
    HeartbeatFlip.objects.create(
        heartbeat=heartbeat, at=now, from_status=before, to_status=heartbeat.status
    )
    try:
        figures.deposit_figures([heartbeat], now=now)
    except BacklogFullError as error:
        # The ping counts all the same; its metrics are said again every minute.
        logger.warning("The metrics of %s were left out: %s", heartbeat, error)


def _meaning(heartbeat: Heartbeat, signal: Signal) -> str:
    """Return the ping's kind after what the heartbeat is told to heed."""
    if heartbeat.post_only and signal.method != "POST":
        return Kind.IGNORED
    kind = signal.kind
    if kind == Kind.SUCCESS and signal.exit_status is None:
        kind = _kind_by_words(heartbeat, signal.body)
    paused = heartbeat.status == _Status.PAUSED and heartbeat.manual_resume
    return Kind.IGNORED if paused and kind != Kind.LOG else kind


def _kind_by_words(heartbeat: Heartbeat, body: bytes) -> str:
    """Failure is looked for first, then success, then start."""
    wanted = (
        (Kind.FAIL, heartbeat.failure_words),
        (Kind.SUCCESS, heartbeat.success_words),
        (Kind.START, heartbeat.start_words),
    )
    if not any(words for _, words in wanted):
        return Kind.SUCCESS
    text = body.decode("utf-8", "replace")
    for kind, words in wanted:
        if any(word in text for word in words):
            return kind
    return Kind.IGNORED


def _apply(heartbeat: Heartbeat, kind: str, signal: Signal) -> timedelta | None:
    """Change the heartbeat; return how long the job took, when that is known."""
    if kind == Kind.START:
        heartbeat.last_start_at, heartbeat.last_start_rid = signal.at, signal.rid
        return None
    if kind not in {Kind.SUCCESS, Kind.FAIL}:
        return None
    heartbeat.last_ping_at, heartbeat.last_duration = signal.at, None
    if heartbeat.last_start_at is not None:
        if heartbeat.last_start_rid == signal.rid:
            heartbeat.last_duration = signal.at - heartbeat.last_start_at
            heartbeat.last_start_at = None
        elif kind == Kind.FAIL or signal.rid is None:
            heartbeat.last_start_at = None
    heartbeat.status = _Status.DOWN if kind == Kind.FAIL else _Status.UP
    return heartbeat.last_duration


def _keep(
    heartbeat: Heartbeat, kind: str, signal: Signal, duration: timedelta | None
) -> HeartbeatPing:
    number = heartbeat.pings_total
    kept = HeartbeatPing.objects.create(
        heartbeat=heartbeat,
        number=number,
        at=signal.at,
        kind=kind,
        exit_status=signal.exit_status,
        rid=signal.rid,
        method=signal.method[:10],
        scheme=signal.scheme,
        remote_address=signal.remote_address,
        user_agent=signal.user_agent[:200].replace("\0", ""),
        duration=duration,
        body=signal.body,
    )
    heartbeat.pings.filter(number__lte=number - KEPT).delete()
    return kept
