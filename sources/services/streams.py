"""How the connection of a stream is, as its collector saw it last."""

from __future__ import annotations

from sources.models import Source, SourceStream


def stream_of(source: Source) -> SourceStream | None:
    """Return the stream of one source; None where it has none, or was never worked."""
    return SourceStream.objects.filter(source=source).first()
