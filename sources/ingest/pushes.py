"""From a body as it was sent to what is deposited and answered; runs in a thread."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import replace

from django.conf import settings

from monitoring.services.series_refs import SeriesRefs
from monitoring.telemetry import LogBatch, SampleBatch, as_packed
from sources.ingest.bodies import unpack
from sources.ingest.door import Door, Push, Taken
from sources.ingest.refusals import Answer, RefusedError, malformed, over_the_limit
from sources.ingest.writer import Parcel
from sources.models import BatchKind
from sources.protocols import MalformedBodyError
from sources.services.figures import note_limited
from sources.services.inbox import Arrival, Receipt, find_receipt
from sources.services.rate_limits import seconds_to_wait
from sources.services.state import note_rejected


def unpacked(door: Door, push: Push) -> bytes:
    """Raises RefusedError."""
    return unpack(
        push.body,
        door.encoding(push.request.headers),
        limit=settings.INGEST_MAX_BODY_BYTES,
        known=door.encodings,
    )


def prepare(door: Door, push: Push, refs: SeriesRefs) -> tuple[Parcel | None, Answer]:
    """Return what to deposit of an unpacked push, and what to answer then.

    No parcel: there is nothing to store, or it was taken before and the answer is the
    one of that time. Raises RefusedError.
    """
    key = push.request.idempotency_key() if door.keyed else None
    digest = _digest(push) if key is not None else None
    if key is not None:
        repeated = earlier_answer(push, key, digest)
        if repeated is not None:
            return None, repeated
    taken = _take(door, push)
    arrivals = list(_arrivals(push, taken, refs))
    if not arrivals:
        _note_rejected(push, taken)
        return None, taken.answer
    _keep_to_limit(push, arrivals)
    receipt = None if key is None else _receipt(push, key, digest, taken.answer)
    return Parcel(arrivals, receipt), taken.answer


def _keep_to_limit(push: Push, arrivals: Sequence[Arrival]) -> None:
    """What a source brings over its rate limit is to come again. Raises RefusedError."""
    source_id, limit = push.binding.source_id, push.binding.rate_limit
    if limit is None or source_id is None:
        return
    lines, size = sum(a.count for a in arrivals), sum(a.size for a in arrivals)
    seconds = seconds_to_wait(
        source_id, limit, lines=lines, size=size, now=push.received_at
    )
    if seconds:
        note_limited(source_id, lines, push.received_at)
        raise over_the_limit(seconds)


def earlier_answer(push: Push, key: str, digest: str | None = None) -> Answer | None:
    """Return the answer to the first push of this Idempotency-Key, if there was one.

    Raises RefusedError when the key was used for another body.
    """
    organization_id = push.sender.scope.organization_id
    receipt = find_receipt(organization_id, receipt_key(push, key))
    if receipt is None:
        return None
    if digest is not None and receipt["digest"] != digest:
        raise RefusedError(
            422,
            "idempotency_key_reused",
            "The Idempotency-Key was used for another body: use a new one for each.",
        )
    content = base64.b64decode(receipt["content"])
    replayed = {"Idempotency-Replayed": "true"}
    return Answer(receipt["status"], content, receipt["type"], replayed)


def receipt_key(push: Push, key: str) -> str:
    """Keys of different senders do not meet: one must not hear another's answer."""
    return f"{push.sender.team_id or 0}/{key}"


def _take(door: Door, push: Push) -> Taken:
    try:
        return door.take(push)
    except MalformedBodyError as error:
        raise malformed(str(error)) from None


def _note_rejected(push: Push, taken: Taken) -> None:
    """What was refused of a push that brought nothing else is counted as well."""
    if push.binding.source_id is not None and taken.rejected:
        note_rejected(
            push.binding.source_id, taken.rejected, taken.problem, push.received_at
        )


def _arrivals(push: Push, taken: Taken, refs: SeriesRefs) -> Iterator[Arrival]:
    """The first arrival stands for what the batches have in common."""
    size, rejected = taken.size, taken.rejected
    for batch in taken.batches:
        if not batch.is_empty:
            yield _arrival(push, batch, _encoded(push, batch, refs), size, rejected)
            size, rejected = 0, 0


def _encoded(push: Push, batch: LogBatch | SampleBatch, refs: SeriesRefs) -> bytes:
    if isinstance(batch, LogBatch):
        return batch.encode()
    packed = replace(batch, series=as_packed(batch.series))
    organization_id = push.sender.scope.organization_id
    referring = refs.refer(organization_id, push.binding.team_id, packed)
    return packed.encode() if referring is None else referring.encode()


def _arrival(
    push: Push,
    batch: LogBatch | SampleBatch,
    payload: bytes,
    size: int,
    rejected: int,
) -> Arrival:
    is_logs = isinstance(batch, LogBatch)
    return Arrival(
        organization_id=push.sender.scope.organization_id,
        source_id=push.binding.source_id,
        team_id=push.binding.team_id,
        priority=push.binding.priority,
        kind=BatchKind.LOGS if is_logs else BatchKind.SAMPLES,
        payload=payload,
        count=batch.count,
        size=size,
        received_at=push.received_at,
        rejected=rejected,
    )


def _digest(push: Push) -> str:
    said = f"{push.request.path}?{push.request.source or ''}\n".encode()
    return hashlib.sha256(said + push.body).hexdigest()


def _receipt(push: Push, key: str, digest: str | None, answer: Answer) -> Receipt:
    return Receipt(
        organization_id=push.sender.scope.organization_id,
        key=receipt_key(push, key),
        answer={
            "digest": digest,
            "status": answer.status,
            "type": answer.content_type,
            "content": base64.b64encode(answer.content).decode(),
        },
        created_at=push.received_at,
    )
