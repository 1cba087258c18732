"""Which series are registered, as whoever takes samples in knows it.

A batch whose series all are known travels by reference. What is known is read from the
registry, never guessed, and is read again within the hour: the clean-up of unused
series counts on that (see monitoring.store.known).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from itertools import islice

import numpy as np
import numpy.typing as npt

from monitoring.store import registry
from monitoring.store.connection import Row
from monitoring.store.known import GENERATION
from monitoring.store.known_series import index_of
from monitoring.store.owner import Owner
from monitoring.telemetry import (
    RefSamples,
    SampleBatch,
    make_ref,
    packed_series,
)

# References of a generation that are kept at most: about 100 bytes each, and the label
# set. What finds no room is not looked up either: that would be every second.
MOST_KNOWN = 300_000
# Label sets that wait to be looked up, and how many one statement asks for.
MOST_WANTED = 20_000
_AT_ONCE = 1_000

Refs = npt.NDArray[np.int64]


class SeriesRefs:
    """What one process knows; shared by its threads."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._known: dict[Owner, _Known] = {}
        self._wanted: dict[Owner, dict[bytes, None]] = {}

    @property
    def wants(self) -> bool:
        """Whether there is something to look up."""
        return bool(self._wanted)

    def refer(
        self, organization_id: int, team_id: int | None, batch: SampleBatch
    ) -> RefSamples | None:
        """Return the batch by reference, or None where that cannot be done (yet).

        Metadata and exemplars are given with their labels, and so are deltas.
        """
        if batch.metadata or len(batch.exemplars) or batch.is_delta or not batch.count:
            return None
        packed = packed_series(batch.series)
        found = self._find(Owner(organization_id, team_id), packed)
        if found is None:
            return None
        return RefSamples(found[batch.series_index], batch.ts_ms, batch.values)

    def look_up(self, *, now: datetime) -> None:
        """Read what was wanted from the registry; call it outside a transaction."""
        with self._lock:
            wanted, self._wanted = self._wanted, {}
            self._forget_lapsed()
        for owner, sets in wanted.items():
            every = list(sets)
            for start in range(0, len(every), _AT_ONCE):
                some = every[start : start + _AT_ONCE]
                self._learn(owner, registry.find_series(owner, some, now=now))

    def _find(self, owner: Owner, packed: Sequence[bytes]) -> Refs | None:
        known = self._known.get(owner)
        if known is None:
            self._want(owner, packed)
            return None
        found, wanted = known.find(packed, self._clock())
        if wanted:
            self._want(owner, wanted)
        return found

    def _want(self, owner: Owner, sets: Iterable[bytes]) -> None:
        with self._lock:
            if self._room <= 0:
                self._forget_lapsed()
            if self._room > 0:
                mine = self._wanted.setdefault(owner, {})
                mine.update(dict.fromkeys(islice(sets, self._room)))

    @property
    def _room(self) -> int:
        waiting = sum(map(len, self._wanted.values()))
        young = sum(known.young for known in self._known.values())
        return min(MOST_WANTED, MOST_KNOWN - young) - waiting

    def _learn(self, owner: Owner, rows: Mapping[bytes, Row]) -> None:
        with self._lock:
            known = self._known.get(owner)
            if known is None:
                known = self._known[owner] = _Known(self._clock())
        refs = {labels: make_ref(*row) for labels, row in rows.items()}
        known.put({k: ref for k, ref in refs.items() if ref is not None})

    def _forget_lapsed(self) -> None:
        moment = self._clock()
        for known in self._known.values():
            known.turn(moment)
        self._known = {o: known for o, known in self._known.items() if len(known)}


class _Known:
    """References of one owner, in two generations.

    Those of the older one are still good, and are wanted anew.
    """

    def __init__(self, moment: float) -> None:
        self._young: dict[bytes, int] = {}
        self._old: dict[bytes, int] = {}
        self._turned = moment

    def __len__(self) -> int:
        return len(self._young) + len(self._old)

    @property
    def young(self) -> int:
        return len(self._young)

    def find(
        self, packed: Sequence[bytes], moment: float
    ) -> tuple[Refs | None, list[bytes]]:
        """Return the reference of each set, or None unless all are known.

        And the sets that are to be looked up.
        """
        self.turn(moment)
        young, old = self._young, self._old
        try:
            every = map(young.__getitem__, packed)
            return np.fromiter(every, np.int64, len(packed)), []
        except KeyError:
            pass
        found = [young.get(labels) or old.get(labels) for labels in packed]
        refs = [ref for ref in found if ref is not None]
        wanted = [labels for labels in packed if labels not in young]
        return (np.array(refs) if len(refs) == len(found) else None), wanted

    def put(self, refs: Mapping[bytes, int]) -> None:
        old = self._old
        self._young.update(refs)
        for labels in refs:
            old.pop(labels, None)

    def turn(self, moment: float) -> None:
        """Generations begin at fixed times, however seldom somebody looks.

        Two threads may turn at once: at worst something is looked up anew too soon.
        """
        turned = self._turned
        passed = int((moment - turned) // GENERATION.total_seconds())
        if passed > 0:
            self._old = self._young if passed == 1 else {}
            self._young = {}
            self._turned = turned + passed * GENERATION.total_seconds()


def named(organization_id: int, samples: RefSamples) -> SampleBatch:
    """Return the samples with their labels, without those of series that are gone."""
    index = index_of(organization_id)
    rows = np.flatnonzero(np.isin(index.ids, samples.series))
    there = index.ids[rows]
    kept = np.isin(samples.series, there)
    return SampleBatch(
        index.labels(rows),
        np.searchsorted(there, samples.series[kept]).astype(np.int32),
        samples.ts_ms[kept],
        samples.values[kept],
    )
