"""Deleting by matcher: asked for, hidden at once, and worked off in the background."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import F, QuerySet

from accounts.scope import Role, Scope
from accounts.services import audit
from monitoring.gotemplates.literals import quote
from monitoring.labels import Matcher
from monitoring.models import DeleteRequest, LifecycleState, Signal
from monitoring.services import hindrances, patterns
from monitoring.services.policy import matching_ids
from monitoring.store import archive_deletion, deletion
from monitoring.store.tombstones import Tombstone, tombstone_of
from monitoring.telemetry import nanoseconds

__all__ = [
    "DeleteConflictError",
    "InvalidDeleteError",
    "cancel_delete",
    "is_anything_open",
    "request_delete",
    "visible_requests",
    "work_off",
]

logger = logging.getLogger(__name__)

# A request may be taken back for so long.
GRACE = timedelta(minutes=1)
MAX_OPEN = 20
MAX_IDS = 200_000

Status = DeleteRequest.Status
OPEN = (Status.PENDING, Status.RUNNING)


class InvalidDeleteError(ValueError):
    """A request that cannot be; `fields` says why, by name."""

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(problem)
        self.fields = {field: [problem]}


class DeleteConflictError(Exception):
    """The request has begun, or is over: it cannot be taken back."""


def visible_requests(scope: Scope) -> QuerySet[DeleteRequest]:
    """Return the requests, newest first, without the ids. Raises PermissionDenied."""
    _require_admin(scope)
    return DeleteRequest.objects.visible_to(scope).defer("ids")


def request_delete(
    scope: Scope,
    signal: str,
    selectors: Sequence[tuple[Matcher, ...]],
    start: datetime,
    end: datetime,
    *,
    now: datetime,
) -> DeleteRequest | None:
    """Delete what one of the selectors takes, from start to end, both inclusive.

    From the commit on no read sees it any more; what arrives later is not touched.
    None when there is nothing that matches. Raises PermissionDenied,
    InvalidDeleteError, and OperationalError while a merge keeps the blocks.
    """
    _require_admin(scope)
    if end < start:
        raise InvalidDeleteError("end", "The end lies before the start.")
    if not selectors or any(all(m.matches_empty for m in each) for each in selectors):
        raise InvalidDeleteError(
            "match", "Each selector needs a matcher that takes no empty value."
        )
    ids = matching_ids(scope, signal, selectors)
    if not ids:
        return None
    if len(ids) > MAX_IDS:
        raise InvalidDeleteError(
            "match", f"{len(ids)} match; delete at most {MAX_IDS} at a time."
        )
    with deletion.alone(scope.organization_id):
        mine = DeleteRequest.objects.visible_to(scope)
        if mine.filter(status__in=OPEN).count() >= MAX_OPEN:
            raise InvalidDeleteError("match", f"{MAX_OPEN} requests are waiting.")
        request = DeleteRequest.unscoped.create(
            organization_id=scope.organization_id,
            signal=signal,
            selectors=[selector_text(each) for each in selectors],
            start_ns=_bounded(nanoseconds(start)),
            end_ns=_bounded(nanoseconds(end)),
            ids=ids,
            marker=deletion.mark(),
            age=archive_deletion.youngest_file(scope.organization_id),
            requested_by=scope.actor.name[:254],
            created_at=now,
        )
        audit.record(scope, "telemetry.delete", request, after=_audited(request))
    return request


def cancel_delete(scope: Scope, pk: int, *, now: datetime) -> DeleteRequest:
    """Take a request back, so that all of it is seen again.

    Raises PermissionDenied, DeleteRequest.DoesNotExist and DeleteConflictError.
    """
    with transaction.atomic():
        requests = visible_requests(scope)
        request = requests.get(pk=pk)
        changed = requests.filter(pk=pk, status=Status.PENDING).update(
            status=Status.CANCELLED, finished_at=now
        )
        if not changed:
            raise DeleteConflictError(f"The request is {request.status} already.")
        request.refresh_from_db(fields=["status", "finished_at"])
        audit.record(scope, "telemetry.delete.cancel", request)
    return request


def is_anything_open() -> bool:
    return DeleteRequest.unscoped.filter(status__in=OPEN).exists()


def work_off(now: datetime) -> int:
    """Carry out what may no longer be taken back; return the number of requests done.

    Every step is a transaction; after a crash or an error the rest is found again.
    """
    rows = DeleteRequest.unscoped.filter(status__in=OPEN, created_at__lt=now - GRACE)
    done = 0
    for request in rows.order_by("pk"):
        organization_id = request.organization_id
        work = LifecycleState.Work.DELETION
        if not hindrances.may_try(organization_id, work, now=now):
            continue
        with hindrances.noted(organization_id, work, now=now):
            done += _carry_out(request, now)
    return done


def _carry_out(request: DeleteRequest, now: datetime) -> bool:
    mine = DeleteRequest.unscoped.filter(pk=request.pk)
    mine.filter(status=Status.PENDING).update(status=Status.RUNNING, started_at=now)
    if not mine.filter(status=Status.RUNNING).exists():
        return False
    doom = _tombstone(request)
    where = (request.organization_id, request.signal, doom)
    if not request.blocks_erased:
        for step in deletion.erase_blocks(*where):
            _progress(mine, step)
        deletion.erase_rollups(*where)
        mine.update(blocks_erased=True)
    for step in archive_deletion.erase_files(*where, now):
        _progress(mine, step)
    if request.signal == Signal.LOGS:
        patterns.forget_streams(request.ids)
    mine.update(status=Status.DONE, finished_at=now, error="", ids=[])
    logger.info("Delete request %s is done", request.pk)
    return True


def _progress(mine: QuerySet[DeleteRequest], step: deletion.Step) -> None:
    mine.update(steps=F("steps") + step.blocks, deleted=F("deleted") + step.records)


def _tombstone(request: DeleteRequest) -> Tombstone:
    return tombstone_of(
        request.signal,
        request.ids,
        request.start_ns,
        request.end_ns,
        marker=request.marker,
        age=request.age,
    )


def selector_text(matchers: Sequence[Matcher]) -> str:
    parts = (f"{m.name}{m.op}{quote(m.value)}" for m in matchers)
    return "{" + ", ".join(parts) + "}"


def _bounded(ns: int) -> int:
    """Return what PostgreSQL's bigint holds: 1970 to 2262."""
    return min(max(ns, 0), 2**63 - 1)


def _require_admin(scope: Scope) -> None:
    if not scope.has_role(Role.ADMIN):
        raise PermissionDenied("Only admins of the organization delete telemetry.")


def _audited(request: DeleteRequest) -> dict[str, Any]:
    return {
        "signal": request.signal,
        "selectors": request.selectors,
        "start_ns": request.start_ns,
        "end_ns": request.end_ns,
        "matched": len(request.ids),
    }
