"""The Pushgateway's API: short-lived jobs leave their metrics before they end."""

from __future__ import annotations

from sources.ingest.door import Door, Push, Taken
from sources.ingest.refusals import Answer, Headers, RefusedError
from sources.protocols import pushgateway
from sources.services import pushed

_PATH = r"/metrics/(?P<group>job(?:@base64)?/.*)"
_PROTOBUF = "application/vnd.google.protobuf"
_SAMPLE_BYTES = 16


def _take(push: Push) -> Taken:
    group = _group(push)
    binding = push.binding
    now = push.received_at
    now_ms = int(now.timestamp() * 1000)
    if push.request.method == "DELETE":
        ended = pushed.delete(group, now)
        return Taken(Answer(202), () if ended is None else (ended,))
    content_type = push.request.headers.get("content-type", "")
    if content_type.startswith(_PROTOBUF):
        raise RefusedError(
            415,
            "unsupported_media_type",
            "Protobuf is not supported here: push the text format, as expfmt.FmtText.",
        )
    extra = binding.series_labels
    batch = pushgateway.decode(
        push.body, content_type, group.labels, now_ms=now_ms, extra=extra
    )
    batch = pushgateway.with_times(batch, group.labels, extra, now_ms=now_ms)
    replace = push.request.method == "PUT"
    try:
        kept = pushed.keep(group, batch, replace=replace, now=now)
    except pushed.TooManyGroupsError as error:
        raise RefusedError(400, "too_many_groups", str(error)) from None
    return Taken(Answer(200), (kept,), kept.count * _SAMPLE_BYTES)


def _group(push: Push) -> pushed.Group:
    """Raises RefusedError."""
    try:
        labels = pushgateway.grouping(push.request.groups["group"])
    except pushgateway.InvalidGroupError as error:
        raise RefusedError(400, "invalid_group", str(error)) from None
    return pushed.Group(
        push.sender.scope.organization_id,
        push.binding.team_id,
        push.binding.source_id,
        labels,
    )


def _refuse(error: RefusedError, _headers: Headers) -> Answer:
    return Answer.text(error.status, f"{error.detail}\n", error.headers)


DOORS = (
    Door(_PATH, _take, methods=frozenset({"PUT", "POST", "DELETE"}), refuse=_refuse),
)
