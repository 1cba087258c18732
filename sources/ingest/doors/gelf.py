"""GELF over HTTP, as Graylog takes it."""

from __future__ import annotations

from sources.ingest.door import Door, Push, Taken
from sources.ingest.refusals import Answer, RefusedError
from sources.protocols import gelf


def _take(push: Push) -> Taken:
    """One message, or one a line; a bad one is named, the others are taken."""
    decoded = gelf.decode(push.body, push.log_terms())
    if not decoded.rejected:
        return Taken(Answer(202), (decoded.batch,), decoded.size)
    first = decoded.rejected[0]
    refused = RefusedError(
        400,
        "malformed_body" if not decoded.batch.count else "partly_accepted",
        f"{len(decoded.rejected)} of {first.index + 1} or more messages are not taken; "
        f"the one at index {first.index}: {first.error}",
    )
    return Taken(
        refused.answer(),
        (decoded.batch,),
        decoded.size,
        len(decoded.rejected),
        first.error,
    )


DOORS = (Door("/gelf", _take),)
