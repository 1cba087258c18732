"""From an unpacked body to what is deposited and answered; runs in a thread."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings

from monitoring.services.append import MAX_AHEAD
from monitoring.telemetry import LogBatch, SampleBatch, nanoseconds
from sources.ingest.bodies import unpack
from sources.ingest.refusals import Answer, RefusedError, malformed
from sources.ingest.requests import PushRequest
from sources.ingest.senders import Sender
from sources.ingest.writer import Parcel
from sources.models import BatchKind
from sources.protocols import (
    Decoded,
    MalformedBodyError,
    Rejection,
    Terms,
    json_lines,
    json_metrics,
)
from sources.services.bindings import Binding
from sources.services.inbox import Arrival, Receipt, find_receipt

# Answers stay readable: further rejections are counted, not listed.
_MOST_LISTED = 10_000

AnyDecoded = Decoded[LogBatch] | Decoded[SampleBatch]


@dataclass(frozen=True, slots=True)
class Route:
    kind: BatchKind
    decode: Callable[[bytes, Terms], AnyDecoded]
    terms: Callable[[datetime, Binding], Terms]


def _terms_of_logs(now: datetime, binding: Binding) -> Terms:
    """Any time will do: a line of another age is kept under that of its arrival."""
    return Terms(nanoseconds(now), binding.labels, settings.INGEST_MAX_LINE_BYTES)


def _terms_of_metrics(now: datetime, binding: Binding) -> Terms:
    """A sample outside what is kept would be dropped later: its sender should know."""
    kept = timedelta(days=settings.METRIC_RETENTION_DAYS)
    return Terms(
        nanoseconds(now),
        binding.series_labels,
        earliest_ns=nanoseconds(now - kept),
        latest_ns=nanoseconds(now + MAX_AHEAD),
    )


ROUTES = {
    "/api/v1/logs": Route(BatchKind.LOGS, json_lines.decode, _terms_of_logs),
    "/api/v1/metrics": Route(BatchKind.SAMPLES, json_metrics.decode, _terms_of_metrics),
}


@dataclass(frozen=True, slots=True)
class Push:
    """One request that has been read, with all that is known of its sender."""

    request: PushRequest
    sender: Sender
    binding: Binding
    raw: bytes
    received_at: datetime


def prepare(push: Push) -> tuple[Parcel | None, Answer]:
    """Return what to deposit and what to answer then.

    No parcel: it was taken before, and the answer is the one of that time.
    Raises RefusedError.
    """
    limit = settings.INGEST_MAX_BODY_BYTES
    body = unpack(push.raw, push.request.headers, limit=limit)
    digest = _digest(push, body)
    if digest is not None:
        repeated = earlier_answer(push, digest)
        if repeated is not None:
            return None, repeated
    decoded = _decode(push, body)
    answer = Answer(202, _summary(decoded.batch.count, decoded.rejected))
    return Parcel(_arrival(push, decoded), _receipt(push, digest, answer)), answer


def earlier_answer(push: Push, digest: str | None = None) -> Answer | None:
    """Return the answer to the first push of this Idempotency-Key, if there was one.

    Raises RefusedError when the key was used for another body.
    """
    receipt = find_receipt(push.sender.scope.organization_id, _receipt_key(push))
    if receipt is None:
        return None
    if digest is not None and receipt["digest"] != digest:
        raise RefusedError(
            422,
            "idempotency_key_reused",
            "The Idempotency-Key was used for another body: use a new one for each.",
        )
    return Answer(202, receipt["body"], {"Idempotency-Replayed": "true"})


def _decode(push: Push, body: bytes) -> AnyDecoded:
    route = ROUTES[push.request.path]
    try:
        decoded = route.decode(body, route.terms(push.received_at, push.binding))
    except MalformedBodyError as error:
        raise malformed(str(error)) from None
    if not decoded.batch.count:
        raise _nothing_taken(decoded.rejected)
    return decoded


def _nothing_taken(rejected: list[Rejection]) -> RefusedError:
    first = rejected[0]
    return RefusedError(
        400,
        "nothing_accepted",
        f"None of the {len(rejected)} records can be taken; the one at index "
        f"{first.index}: {first.error}.",
        extra=_summary(0, rejected),
    )


def _summary(accepted: int, rejected: list[Rejection]) -> Mapping[str, Any]:
    listed = [{"index": r.index, "error": r.error} for r in rejected[:_MOST_LISTED]]
    summary = {"accepted": accepted, "rejected": listed}
    if len(rejected) > _MOST_LISTED:
        summary["rejected_total"] = len(rejected)
    return summary


def _arrival(push: Push, decoded: AnyDecoded) -> Arrival:
    return Arrival(
        organization_id=push.sender.scope.organization_id,
        source_id=push.binding.source_id,
        team_id=push.binding.team_id,
        priority=push.binding.priority,
        kind=ROUTES[push.request.path].kind,
        payload=decoded.batch.encode(),
        count=decoded.batch.count,
        size=decoded.size,
        received_at=push.received_at,
        rejected=len(decoded.rejected),
    )


def _digest(push: Push, body: bytes) -> str | None:
    if push.request.idempotency_key is None:
        return None
    said = f"{push.request.path}?{push.request.source or ''}\n".encode()
    return hashlib.sha256(said + body).hexdigest()


def _receipt_key(push: Push) -> str:
    """Keys of different senders do not meet: one must not hear another's answer."""
    return f"{push.sender.team_id or 0}/{push.request.idempotency_key}"


def _receipt(push: Push, digest: str | None, answer: Answer) -> Receipt | None:
    if digest is None:
        return None
    return Receipt(
        organization_id=push.sender.scope.organization_id,
        key=_receipt_key(push),
        answer={"digest": digest, "body": answer.body},
        created_at=push.received_at,
    )
