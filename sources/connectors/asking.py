"""Asking many targets, each at its own times, without waiting for any of them.

The base of scrapes and probes. The questions run in an event loop in a thread of its
own; everything else happens in the collector's thread, between two polls.
"""

from __future__ import annotations

import asyncio
import heapq
import logging
from abc import abstractmethod
from collections import deque
from collections.abc import Callable, Coroutine, Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, Generic, Protocol, TypeVar

from django.db import Error as DatabaseFailure
from typing_extensions import override

from monitoring.moments import iso_ms
from monitoring.telemetry import SampleBatch
from sources.connectors import Connector, Harvest, Outcome, SourceSpec
from sources.connectors.batches import join
from sources.connectors.loops import LoopThread
from sources.models import Source, SourceTargets

logger = logging.getLogger(__name__)

# Answers that come this close together are stored together.
_TOGETHER_SECONDS = 0.05
# A sample is given the time of its turn when it is asked for no later than that.
_TOLERANCE_MS = 250
_AT_ONCE = 200
_HARVEST_SAMPLES = 200_000
_HELD_SAMPLES = 2_000_000
_WRITE_EVERY = timedelta(seconds=5)
_DROPPED_SHOWN = 100
_LATEST = datetime(9999, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Schedule:
    """A grid of times, in milliseconds since the epoch."""

    interval_ms: int
    offset_ms: int

    def next_after(self, moment_ms: int) -> int:
        since = (moment_ms - self.offset_ms) % self.interval_ms
        return moment_ms - since + self.interval_ms


class Target(Protocol):
    """What is asked; equal targets are one, and hashable."""

    @property
    def schedule(self) -> Schedule: ...


T = TypeVar("T", bound=Target)


@dataclass(frozen=True, slots=True)
class TargetState:
    """How a target is; times of `last_asked` are ISO 8601, the others seconds."""

    url: str
    labels: Mapping[str, str]
    discovered: Mapping[str, str]
    health: str  # up, down or unknown, as Prometheus has it
    last_error: str
    last_asked: str
    last_seconds: float
    interval_seconds: float
    timeout_seconds: float


@dataclass(frozen=True, slots=True)
class Asked:
    """What came of asking a target once; `size` is in bytes."""

    batch: SampleBatch
    size: int
    state: TargetState


class Asking(Connector, Generic[T]):
    """Asks targets of type T, and holds what they answered until it is stored."""

    perishable: ClassVar[bool] = True

    def __init__(self, spec: SourceSpec, wake: Callable[[], None]) -> None:
        super().__init__(spec, wake)
        self.states: dict[T, TargetState] = {}
        self.dropped: tuple[Mapping[str, str], ...] = ()
        self._turns: list[tuple[int, int, T]] = []
        self._number = 0
        self._busy: set[T] = set()
        self._finished: deque[tuple[T, Asked | None]] = deque()
        self._held: deque[tuple[SampleBatch, int]] = deque()
        self._out = 0
        self._refused = False
        self._write_at: datetime | None = None
        self._announced = False
        self._at_once = asyncio.Semaphore(_AT_ONCE)

    # --- What a subclass says ----------------------------------------------------------

    @abstractmethod
    async def ask(self, target: T, ts_ms: int) -> Asked:
        """Ask once; runs in the loop. What goes wrong at the target is in the answer."""

    @abstractmethod
    async def shut(self) -> None:
        """Let go of what belongs to the loop."""

    @abstractmethod
    def unasked(self, target: T) -> TargetState:
        """Return the state of a target that has not been asked yet."""

    @abstractmethod
    def prepare(self, now: datetime) -> datetime:
        """Set the targets where they have changed; return when to look again."""

    @abstractmethod
    def ending(self, target: T, ts_ms: int) -> SampleBatch:
        """Return what is to be stored of a target that is no more."""

    def trouble(self) -> str:
        """Return what is wrong beside targets that are down; empty for nothing."""
        return ""

    # --- The connector -----------------------------------------------------------------

    @override
    def open(self, now: datetime) -> None:
        self._loop = LoopThread(f"source-{self.spec.id}")
        self.due_at = now

    @override
    def poll(self, now: datetime) -> Harvest | None:
        look_again_at = self.prepare(now)
        self._take_finished(_ms(now))
        self._launch(_ms(now))
        self._write_states(now)
        self.problem = self._problem()
        self.due_at = min(self._next_turn(), look_again_at)
        self._out = 0
        if not self._held:
            return None
        return self._harvest()

    @override
    def settle(self, outcome: Outcome, now: datetime) -> None:
        self._refused = outcome is not Outcome.STORED
        if outcome is Outcome.STORED:
            for _ in range(self._out):
                self._held.popleft()
            # What was held is brought in at once, when it can be stored again.
            self.due_at = now if self._held else self.due_at
        self._out = 0

    @override
    def close(self) -> None:
        self._loop.close(self.shut())
        self._held.clear()

    def run(self, work: Coroutine[Any, Any, None]) -> None:
        """Run something in the loop; it calls `announce` when it is done."""
        self._loop.submit(work)

    def announce(self) -> None:
        """Wake the collector soon, once for all that finishes until then."""
        if not self._announced:
            self._announced = True
            self._loop.loop.call_later(_TOGETHER_SECONDS, self._wake_now)

    def _wake_now(self) -> None:
        self._announced = False
        self.wake()

    # --- Targets -----------------------------------------------------------------------

    def set_targets(self, targets: Iterable[T], now: datetime) -> None:
        """Begin to ask the new ones, and end those that are no more."""
        wanted = dict.fromkeys(targets)
        for target in [t for t in self.states if t not in wanted]:
            del self.states[target]
            if target not in self._busy:
                self._hold(self.ending(target, _ms(now)), 0)
        for target in wanted:
            if target not in self.states:
                self.states[target] = self.unasked(target)
                self._push(target, target.schedule.next_after(_ms(now)))
        self._turns = [turn for turn in self._turns if turn[2] in self.states]
        heapq.heapify(self._turns)

    def _push(self, target: T, due_ms: int) -> None:
        self._number += 1
        heapq.heappush(self._turns, (due_ms, self._number, target))

    def _next_turn(self) -> datetime:
        if not self._turns:
            return _LATEST
        return datetime.fromtimestamp(self._turns[0][0] / 1000, UTC)

    def _launch(self, now_ms: int) -> None:
        """Ask whose turn it is, unless it has not answered yet from the last time."""
        while self._turns and self._turns[0][0] <= now_ms:
            due_ms, _, target = heapq.heappop(self._turns)
            self._push(target, target.schedule.next_after(now_ms))
            if target not in self._busy:
                in_time = now_ms - due_ms <= _TOLERANCE_MS
                self._busy.add(target)
                self.run(self._asked(target, due_ms if in_time else now_ms))

    async def _asked(self, target: T, ts_ms: int) -> None:
        asked = None
        try:
            async with self._at_once:
                asked = await self.ask(target, ts_ms)
        except Exception:
            logger.exception("Source %s: a target could not be asked.", self.spec.name)
        self._finished.append((target, asked))
        self.announce()

    def _take_finished(self, now_ms: int) -> None:
        while self._finished:
            target, asked = self._finished.popleft()
            self._busy.discard(target)
            if asked is not None:
                self._hold(asked.batch, asked.size)
            if target not in self.states:
                self._hold(self.ending(target, now_ms), 0)
            elif asked is not None:
                self.states[target] = asked.state

    # --- What is held ------------------------------------------------------------------

    def _hold(self, batch: SampleBatch, size: int) -> None:
        if not batch.count:
            return
        self._held.append((batch, size))
        held = sum(one.count for one, _ in self._held)
        while held > _HELD_SAMPLES:
            held -= self._held.popleft()[0].count
            logger.warning("Source %s: the oldest samples are lost.", self.spec.name)

    def _harvest(self) -> Harvest:
        batches, size, count = [], 0, 0
        for batch, bytes_ in self._held:
            batches.append(batch)
            size, count = size + bytes_, count + batch.count
            if count >= _HARVEST_SAMPLES:
                break
        self._out = len(batches)
        return Harvest(join(batches), size)

    def _problem(self) -> str:
        trouble = self.trouble()
        down = [s for s in self.states.values() if s.health == "down"]
        if not down:
            return trouble
        first = f"{down[0].url}: {down[0].last_error}."
        if len(self.states) == 1:
            return f"{first} {trouble}".strip()
        told = f"{len(down)} of {len(self.states)} targets are down; {first}"
        return f"{told} {trouble}".strip()

    def _is_down(self) -> bool:
        states = self.states.values()
        return bool(states) and all(state.health == "down" for state in states)

    def _write_states(self, now: datetime) -> None:
        """Show the targets; they are written again a little later when that fails."""
        if self._refused or (self._write_at is not None and now < self._write_at):
            return
        self._write_at = now + _WRITE_EVERY
        try:
            if Source.unscoped.filter(pk=self.spec.id).exists():
                SourceTargets.objects.update_or_create(
                    source_id=self.spec.id,
                    defaults={
                        "active": [asdict(state) for state in self.states.values()],
                        "dropped": [dict(d) for d in self.dropped[:_DROPPED_SHOWN]],
                        "dropped_count": len(self.dropped),
                        "is_down": self._is_down(),
                        "updated_at": now,
                    },
                )
        except DatabaseFailure as error:
            logger.info("Targets of %s are not shown: %s", self.spec.name, error)


def _ms(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)


def iso(ts_ms: int) -> str:
    return iso_ms(datetime.fromtimestamp(ts_ms / 1000, UTC))
