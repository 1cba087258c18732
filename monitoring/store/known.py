"""A bounded, forgetful cache of what is committed in the database."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Generic, TypeVar

from django.db import transaction

V = TypeVar("V")

# Two generations of entries: an entry lives an hour at most, and is then verified.
GENERATION = timedelta(minutes=30)
MAX_ENTRIES = 200_000


class KnownIds(Generic[V]):
    """Entries disappear by age or in bulk when there are too many; never one by one.

    Being used does not lengthen an entry's life: the clean-up of unused series counts
    on every id being looked up again within the hour.
    """

    def __init__(self) -> None:
        self._young: dict[Hashable, V] = {}
        self._old: dict[Hashable, V] = {}
        self._turned: datetime | None = None

    def get(self, key: Hashable, now: datetime) -> V | None:
        self._turn(now)
        found = self._young.get(key)
        return self._old.get(key) if found is None else found

    def get_many(self, keys: Sequence[Hashable], now: datetime) -> list[V | None]:
        """Return what is known of each key."""
        self._turn(now)
        found = list(map(self._young.get, keys))
        if self._old and None in found:
            return [
                self._old.get(key) if value is None else value
                for key, value in zip(keys, found, strict=True)
            ]
        return found

    def put_on_commit(self, entries: Mapping[Hashable, V], now: datetime) -> None:
        """Remember what the current transaction wrote, unless it is rolled back."""
        transaction.on_commit(lambda: self._put(entries, now))

    def clear(self) -> None:
        self._young, self._old = {}, {}

    def _put(self, entries: Mapping[Hashable, V], now: datetime) -> None:
        self._turn(now)
        self._young.update(entries)

    def _turn(self, now: datetime) -> None:
        if self._turned is None:
            self._turned = now
        due = now - self._turned >= GENERATION
        if due or len(self._young) >= MAX_ENTRIES:
            lapsed = now - self._turned >= 2 * GENERATION
            self._old = {} if lapsed else self._young
            self._young, self._turned = {}, now
