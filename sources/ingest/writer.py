"""Group commit: requests that arrive together share one transaction."""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field

from django.db import close_old_connections, connections

from sources.services.failures import is_passing
from sources.services.inbox import Arrival, BacklogFullError, Receipt, deposit
from sources.services.nudges import nudge

logger = logging.getLogger(__name__)

# What one commit takes at most.
GROUP_BYTES = 32 * 2**20
GROUP_PARCELS = 500
# Commits that follow each other this closely wake the workers together.
NUDGE_SECONDS = 0.01
# A connection that was idle for longer is looked at before it is used.
_TRUSTED_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Parcel:
    """One request's batches; `done` is answered when they are committed, or why not."""

    arrivals: Sequence[Arrival]
    receipt: Receipt | None = None
    done: Future[None] = field(default_factory=Future)

    @property
    def size(self) -> int:
        return sum(len(arrival.payload) for arrival in self.arrivals)

    @property
    def receipts(self) -> Sequence[Receipt]:
        return () if self.receipt is None else (self.receipt,)

    @property
    def receipt_key(self) -> tuple[int, str] | None:
        found = self.receipt
        return None if found is None else (found.organization_id, found.key)


class Writer:
    """One thread with a connection of its own, started by the first parcel."""

    def __init__(self) -> None:
        self._waiting: queue.SimpleQueue[Parcel | None] = queue.SimpleQueue()
        self._held_over: list[Parcel] = []
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._nudged_at = 0.0
        self._nudge_due: float | None = None

    def put(self, parcel: Parcel) -> Future[None]:
        """A thread that has ended by an error of ours is replaced: nobody waits forever."""
        self._waiting.put(parcel)
        with self._lock:
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(
                    target=self._run, name="ingest-writer", daemon=True
                )
                self._thread.start()
        return parcel.done

    def close(self) -> None:
        """Commit what waits and stop."""
        if self._thread is not None:
            self._waiting.put(None)
            self._thread.join()
            self._thread = None

    def _run(self) -> None:
        """The connection is kept while it is in use: lending it costs a round trip."""
        used_at, well = 0.0, False
        try:
            for group in self._groups():
                if not well or time.monotonic() - used_at > _TRUSTED_SECONDS:
                    close_old_connections()
                well = _write(group)
                used_at = time.monotonic()
                self._nudge_due = self._nudged_at + NUDGE_SECONDS
                self._nudge_when_due()
        finally:
            connections.close_all()
            if self._nudge_due is not None:
                nudge()

    def _groups(self) -> Iterator[list[Parcel]]:
        while True:
            first = self._first()
            if first is None:
                return
            group = self._with_followers(first)
            wanted = [p for p in group if p.done.set_running_or_notify_cancel()]
            if wanted:
                yield wanted

    def _first(self) -> Parcel | None:
        if self._held_over:
            return self._held_over.pop(0)
        while self._nudge_due is not None:
            try:
                left = self._nudge_due - time.monotonic()
                return self._waiting.get(timeout=max(left, 0))
            except queue.Empty:
                self._nudge_when_due()
        return self._waiting.get()

    def _nudge_when_due(self) -> None:
        """The senders have their answers by now: they need not wait for Redis."""
        if self._nudge_due is not None and time.monotonic() >= self._nudge_due:
            nudge()
            self._nudged_at, self._nudge_due = time.monotonic(), None

    def _with_followers(self, first: Parcel) -> list[Parcel]:
        """Take what waits already, but no two of one Idempotency-Key."""
        group, size = [first], first.size
        keys = {first.receipt_key}
        while size < GROUP_BYTES and len(group) < GROUP_PARCELS:
            parcel = self._next_waiting()
            if parcel is None:
                break
            if parcel.receipt_key is not None and parcel.receipt_key in keys:
                self._held_over.append(parcel)
                break
            keys.add(parcel.receipt_key)
            group.append(parcel)
            size += parcel.size
        return group

    def _next_waiting(self) -> Parcel | None:
        try:
            parcel = self._waiting.get_nowait()
        except queue.Empty:
            return None
        if parcel is None:  # The order to stop comes after this group.
            self._waiting.put(None)
        return parcel


def _write(group: Sequence[Parcel]) -> bool:
    """Commit the group, or else each parcel alone: one bad one fails alone.

    Return whether the connection is known to be well.
    """
    error = _failure(group)
    if error is None or len(group) == 1 or is_passing(error):
        for parcel in group:
            _answer(parcel, error)
        return error is None or isinstance(error, BacklogFullError)
    if not isinstance(error, BacklogFullError):
        logger.info("Depositing %s requests one by one: %s", len(group), error)
    for parcel in group:
        _answer(parcel, _failure([parcel]))
    return False


def _failure(group: Sequence[Parcel]) -> Exception | None:
    try:
        deposit(
            [arrival for parcel in group for arrival in parcel.arrivals],
            receipts=[receipt for parcel in group for receipt in parcel.receipts],
            wake=False,
        )
    except Exception as error:  # noqa: BLE001 - whatever it is, each request must hear of it
        return error
    return None


def _answer(parcel: Parcel, error: Exception | None) -> None:
    if error is None:
        parcel.done.set_result(None)
    else:
        parcel.done.set_exception(error)
