"""Our own doors: lines and samples as JSON, with a word on each that is refused."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from sources.ingest.door import Door, Push, Taken
from sources.ingest.refusals import Answer, RefusedError
from sources.protocols import Decoded, Rejection, json_lines, json_metrics

# Answers stay readable: further rejections are counted, not listed.
_MOST_LISTED = 10_000


def _take_lines(push: Push) -> Taken:
    return _taken(json_lines.decode(push.body, push.log_terms()))


def _take_samples(push: Push) -> Taken:
    return _taken(json_metrics.decode(push.body, push.sample_terms()))


def _taken(decoded: Decoded[Any]) -> Taken:
    if not decoded.batch.count:
        return _nothing_taken(decoded.rejected)
    answer = Answer.json(202, _summary(decoded.batch.count, decoded.rejected))
    return Taken(answer, (decoded.batch,), decoded.size, len(decoded.rejected))


def _nothing_taken(rejected: list[Rejection]) -> Taken:
    first = rejected[0]
    refused = RefusedError(
        400,
        "nothing_accepted",
        f"None of the {len(rejected)} records can be taken; the one at index "
        f"{first.index}: {first.error}.",
        extra=_summary(0, rejected),
    )
    return Taken(refused.answer(), rejected=len(rejected), problem=refused.detail)


def _summary(accepted: int, rejected: list[Rejection]) -> Mapping[str, Any]:
    listed = [{"index": r.index, "error": r.error} for r in rejected[:_MOST_LISTED]]
    summary = {"accepted": accepted, "rejected": listed}
    if len(rejected) > _MOST_LISTED:
        summary["rejected_total"] = len(rejected)
    return summary


def _door(path: str, take: Callable[[Push], Taken]) -> Door:
    return Door(path, take, parameters=frozenset({"source"}), keyed=True)


DOORS = (_door("/api/v1/logs", _take_lines), _door("/api/v1/metrics", _take_samples))
