"""Commits from the event loop, in libpq's pipeline mode.

Between the loop and a thread a push is handed over four times, and each time waits for
the interpreter's lock: with other pushes being decoded that took three times as long as
the commit. So what only inserts rows is sent by the loop itself. Whatever is more, and
everything while this connection is not well, is the thread's (see `Writer`).

Source: PostgreSQL's documentation of libpq, "Asynchronous Command Processing" and
"Pipeline Mode": what is sent up to a synchronization point is one transaction.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass

import psycopg
from django.db import DatabaseError, OperationalError, connection
from psycopg.pq import DiagnosticField, ExecStatus

from sources.ingest.waiting import committed
from sources.ingest.writer import (
    GROUP_BYTES,
    GROUP_PARCELS,
    NUDGE_SECONDS,
    Parcel,
    Writer,
)
from sources.services.backlog import backlog
from sources.services.inbox import INSERT_PREPARED, counts_of, row_of
from sources.services.nudges import nudge

logger = logging.getLogger(__name__)

_STATEMENT = b"deposit"
# What the server says of a statement that another session has prepared: a pooler has
# given this connection that session.
_NOT_PREPARED = b"26000"
# After a failure it is left alone for so long.
_PAUSE_SECONDS = 5.0
# libpq's formats of a parameter.
_TEXT, _BINARY = 0, 1

Waiter = asyncio.Future[bool]


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A parcel, and who is told whether it was committed; if not, nothing of it was."""

    parcel: Parcel
    waiter: Waiter


class PipelinedWriter:
    """Used from one event loop at a time."""

    def __init__(self, writer: Writer, pool: Executor, *, worth: int = 20) -> None:
        self._writer, self._pool, self._worth = writer, pool, worth
        self._lane: _Lane | None = None
        self._opening: Future[psycopg.Connection | None] | None = None
        self._not_before = 0.0
        # How many came in the second that began then.
        self._second, self._came = 0.0, 0

    async def commit(self, parcel: Parcel) -> None:
        """Return when it is committed. Raises what `deposit` does."""
        lane = self._lane_of(asyncio.get_running_loop())
        counts = counts_of(parcel.arrivals)
        if (
            lane is not None
            and _is_plain(parcel)
            and backlog.check_believed(counts)
            and await lane.commit(parcel)
        ):
            backlog.add(counts)
        else:
            await committed(self._writer.put(parcel))

    def close(self) -> None:
        opening, self._opening = self._opening, None
        if opening is not None:
            opening.add_done_callback(_discard)
        self._leave_lane()

    def _leave_lane(self) -> None:
        if self._lane is not None:
            self._lane.close()
            self._lane = None

    def _lane_of(self, loop: asyncio.AbstractEventLoop) -> _Lane | None:
        lane = self._lane
        if lane is not None and lane.is_open and lane.loop is loop:
            return lane
        self._leave_lane()
        if self._opening is None:
            moment = time.monotonic()
            if self._is_worth_it(moment):
                self._not_before = moment + _PAUSE_SECONDS
                self._opening = self._pool.submit(_open)
        elif self._opening.done():
            opening, self._opening = self._opening, None
            opened = opening.result()
            if opened is not None:
                self._lane = _Lane(opened, loop, _Wakes(loop, self._pool))
        return self._lane

    def _is_worth_it(self, moment: float) -> bool:
        """A connection is held for who has many pushes a second."""
        if moment - self._second >= 1:
            self._second, self._came = moment, 0
        self._came += 1
        return self._came >= self._worth and moment >= self._not_before


def _open() -> psycopg.Connection | None:
    """Runs in a thread, as connecting blocks; the next push finds what comes of it.

    The loop is not called: it may have ended, and nobody would close the connection.
    """
    try:
        return _connect()
    except (psycopg.Error, DatabaseError) as error:
        logger.info("Pushes are committed by a thread for now: %s", error)
        return None


def _discard(opening: Future[psycopg.Connection | None]) -> None:
    opened = opening.result()
    if opened is not None:
        opened.close()


def _is_plain(parcel: Parcel) -> bool:
    """Whether rows are all there is to write."""
    return parcel.receipt is None and not any(a.rejected for a in parcel.arrivals)


def _connect() -> psycopg.Connection:
    """Return a connection in pipeline mode. Raises psycopg.Error, DatabaseError."""
    opened = psycopg.connect(**connection.get_connection_params())
    libpq = opened.pgconn
    prepared = libpq.prepare(_STATEMENT, INSERT_PREPARED.encode())
    if prepared.status != ExecStatus.COMMAND_OK:
        opened.close()
        raise OperationalError(prepared.get_error_message())
    libpq.nonblocking = 1
    libpq.enter_pipeline_mode()
    return opened


class _Wakes:
    """Wakes the workers in a thread, once for all commits of a moment."""

    def __init__(self, loop: asyncio.AbstractEventLoop, pool: Executor) -> None:
        self._loop, self._pool = loop, pool
        self._under_way = self._again = False
        self._woken_at = 0.0

    def soon(self) -> None:
        if self._under_way:
            self._again = True
            return
        self._under_way = True
        left = self._woken_at + NUDGE_SECONDS - time.monotonic()
        self._loop.call_later(max(left, 0), self._wake)

    def _wake(self) -> None:
        self._again = False
        waking = self._loop.run_in_executor(self._pool, nudge)
        waking.add_done_callback(self._woken)

    def _woken(self, _waking: asyncio.Future[None]) -> None:
        self._under_way, self._woken_at = False, time.monotonic()
        if self._again:
            self.soon()


class _Lane:
    """One connection, with at most one transaction under way.

    What arrives meanwhile goes together when that one is committed.
    """

    def __init__(
        self,
        opened: psycopg.Connection,
        loop: asyncio.AbstractEventLoop,
        wakes: _Wakes,
    ) -> None:
        self.loop, self._wakes = loop, wakes
        self.is_open = True
        self._connection, self._libpq = opened, opened.pgconn
        self._socket = self._libpq.socket
        self._waiting: deque[_Waiting] = deque()
        self._sent: list[_Waiting] = []
        self._refused = self._is_pooled = self._has_writer = False
        loop.add_reader(self._socket, self._guarded(self._read))

    def commit(self, parcel: Parcel) -> Waiter:
        """Whether it is committed. Raises OperationalError where nobody knows."""
        waiter: Waiter = self.loop.create_future()
        self._waiting.append(_Waiting(parcel, waiter))
        if not self._sent:
            self._guarded(self._send)()
        return waiter

    def close(self) -> None:
        """Give up the connection: what is under way may be committed or not."""
        self._end("The connection was closed.")

    def _guarded(self, work: Callable[[], None]) -> Callable[[], None]:
        def guarded() -> None:
            try:
                work()
            except psycopg.Error as error:
                self._end(str(error))

        return guarded

    def _send(self) -> None:
        self._sent = self._next_group()
        if not self._sent:
            return
        self._refused = False
        for waiting in self._sent:
            for arrival in waiting.parcel.arrivals:
                self._libpq.send_query_prepared(
                    _STATEMENT, *_parameters(row_of(arrival))
                )
        self._libpq.pipeline_sync()
        self._flush()

    def _next_group(self) -> list[_Waiting]:
        group: list[_Waiting] = []
        size = 0
        while self._waiting and size < GROUP_BYTES and len(group) < GROUP_PARCELS:
            waiting = self._waiting.popleft()
            if not waiting.waiter.cancelled():
                group.append(waiting)
                size += waiting.parcel.size
        return group

    def _flush(self) -> None:
        if self._libpq.flush():
            self._has_writer = True
            self.loop.add_writer(self._socket, self._guarded(self._flush))
        elif self._has_writer:
            self._has_writer = False
            self.loop.remove_writer(self._socket)

    def _read(self) -> None:
        self._libpq.consume_input()
        while self._sent and not self._libpq.is_busy():
            result = self._libpq.get_result()
            if result is None:  # The end of one statement's results.
                continue
            if result.status == ExecStatus.PIPELINE_SYNC:
                self._settle()
            elif result.status != ExecStatus.COMMAND_OK:
                self._refused = True
                state = result.error_field(DiagnosticField.SQLSTATE)
                self._is_pooled = self._is_pooled or state == _NOT_PREPARED

    def _settle(self) -> None:
        settled, self._sent = self._sent, []
        if not self._refused:
            self._wakes.soon()  # Here, for whoever was sent and given up as well.
        for waiting in settled:
            if not waiting.waiter.done():
                waiting.waiter.set_result(not self._refused)
        if self._is_pooled:
            self._end("The statement is not prepared.")
        else:
            self._send()

    def _end(self, reason: str) -> None:
        if not self.is_open:
            return
        self.is_open = False
        if not self.loop.is_closed():
            self.loop.remove_reader(self._socket)
            self.loop.remove_writer(self._socket)
            self._tell(reason)
        self._connection.close()

    def _tell(self, reason: str) -> None:
        for waiting in self._sent:
            if not waiting.waiter.done():
                waiting.waiter.set_exception(OperationalError(reason))
        for waiting in self._waiting:
            if not waiting.waiter.done():
                waiting.waiter.set_result(False)
        self._sent = []
        self._waiting.clear()


def _parameters(
    row: Sequence[object],
) -> tuple[list[bytes | None], list[int]]:
    """Return a row's values as libpq takes them, and their formats."""
    values: list[bytes | None] = []
    formats = []
    for value in row:
        is_bytes = isinstance(value, bytes)
        formats.append(_BINARY if is_bytes else _TEXT)
        if value is None or isinstance(value, bytes):
            values.append(value)
        else:
            values.append(str(value).encode())
    return values, formats
