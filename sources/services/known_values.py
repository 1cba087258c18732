"""Which values the labels made of fields have had: their number is bounded."""

from __future__ import annotations

from collections.abc import Sequence

from django.db import connection, transaction

from sources.models import KnownValue
from sources.processing.labelling import LONGEST_VALUE, Admit

# What this process knows to be stored: (source, what for) -> values.
_stored: dict[tuple[int, str], frozenset[str]] = {}
_MOST_REMEMBERED = 10_000


def admit_for(source_id: int) -> Admit:
    """Return what says which values of a source's fields may become labels.

    Call what is returned in the transaction that stores the lines.
    """

    def admit(slot: str, values: Sequence[str], most: int) -> set[str]:
        return _admit(source_id, slot, values, most)

    return admit


def admit_first(slot: str, values: Sequence[str], most: int) -> set[str]:
    """Admit as a source would that has brought nothing yet: for previews."""
    return set(values[:most])


def _admit(source_id: int, slot: str, values: Sequence[str], most: int) -> set[str]:
    wanted = {v for v in values if "\0" not in v and len(v) <= LONGEST_VALUE}
    known = _stored.get((source_id, slot), frozenset())
    fresh = wanted - known
    if fresh and len(known) < most:
        known = _register(source_id, slot, sorted(fresh), most)
    return wanted & known


def _register(
    source_id: int, slot: str, fresh: Sequence[str], most: int
) -> frozenset[str]:
    """One transaction at a time adds values of a source, so that the bound is exact."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_advisory_xact_lock(hashtextextended('sources.knownvalue', %s))",
            [source_id],
        )
    rows = KnownValue.objects.filter(source_id=source_id, slot=slot)
    held = set(rows.values_list("value", flat=True))
    new = [v for v in fresh if v not in held][: max(0, most - len(held))]
    KnownValue.objects.bulk_create(
        KnownValue(source_id=source_id, slot=slot, value=value) for value in new
    )
    result = frozenset(held.union(new))
    transaction.on_commit(lambda: _remember(source_id, slot, result))
    return result


def _remember(source_id: int, slot: str, values: frozenset[str]) -> None:
    if len(_stored) >= _MOST_REMEMBERED:
        _stored.clear()
    _stored[source_id, slot] = values


def forget() -> None:
    """Ask the database again, as a new process does."""
    _stored.clear()
