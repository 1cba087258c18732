"""Says so when a source begins to write in another format."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from django.db import transaction

from accounts.scope import Scope
from accounts.services import audit
from monitoring import live
from monitoring.moments import iso
from sources.models import InboxBatch, Source
from sources.services.parsing import Parser
from sources.services.state import update_state

ACTION = "source.format_change"


def note_changed_formats(
    scopes: Mapping[int, Scope],
    claimed: Sequence[InboxBatch],
    parser: Parser,
    now: datetime,
) -> None:
    """Keep at each source what it wrote before, and show it to whoever looks."""
    if not parser.changed:
        return
    owners = {batch.source_id: batch.organization_id for batch in claimed}
    for source in Source.unscoped.filter(pk__in=parser.changed).order_by("pk"):
        before = parser.changed[source.pk]
        after = parser.recognised[source.pk][0]
        _note(scopes[owners[source.pk]], source, before, after, now)


def _note(scope: Scope, source: Source, before: str, after: str, now: datetime) -> None:
    update_state(source.pk, {"former_format": before, "format_changed_at": now})
    audit.record(
        scope, ACTION, source, before={"format": before}, after={"format": after}
    )
    event = {
        "id": source.pk,
        "name": source.name,
        "event": "format_changed",
        "former_format": before,
        "detected_format": after,
        "format_changed_at": iso(now),
    }
    transaction.on_commit(
        lambda: live.publish_many(
            scope.organization_id, "sources", [event], team_id=source.team_id
        )
    )
