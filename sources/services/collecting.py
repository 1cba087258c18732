"""The collector: works the sources it holds leases on, and survives what fails.

One thread, one database connection. Connectors return harvests; those of one round
are deposited together, in one transaction with their cursors' advances.
"""

from __future__ import annotations

import logging
import platform
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta

from django.db import Error as DatabaseFailure
from django.db import connection
from django.utils.module_loading import import_string

from accounts.services import heartbeats
from monitoring.telemetry import LogBatch
from sources.connectors import Connector, Harvest, Outcome, SourceSpec
from sources.models import Source
from sources.processing import RateLimit
from sources.services import leases
from sources.services.failures import is_passing
from sources.services.figures import note_limited
from sources.services.inbox import BacklogFullError, CursorConflictError
from sources.services.kinds import KINDS
from sources.services.leases import Holder
from sources.services.loads import Load, settle, store
from sources.services.log_formats import event_starts
from sources.services.rate_limits import limits_of, seconds_to_wait
from sources.services.runners import Runner

logger = logging.getLogger(__name__)

WORKED = frozenset(kind.name for kind in KINDS.values() if kind.connector)
RECONCILE_EVERY = timedelta(seconds=1)
BEAT_EVERY = timedelta(seconds=3)
# Lines that are written one by one travel together when they come this close.
COALESCE = timedelta(milliseconds=20)
ROUND_BYTES = 8 * 2**20
FIRST_DELAY = timedelta(milliseconds=200)
LONGEST_DELAY = timedelta(seconds=5)


class Collector:
    """All of `manage.py collect` but the process around it."""

    def __init__(self, holder: Holder, wake: Callable[[], None]) -> None:
        self.counts: Counter[str] = Counter()
        self._holder = holder
        self._wake = wake
        self._runners: dict[int, Runner] = {}
        self._limits: dict[int, RateLimit] = {}
        self._reconcile_at: datetime | None = None
        self._beat_at: datetime | None = None
        self._failures = 0
        self._database_back_at: datetime | None = None
        self._stepped_at: datetime | None = None

    def step(self, now: datetime) -> datetime:
        """Do one round; return when the next one is due, unless something wakes us."""
        self._stepped_at = now
        try:
            if self._database_back_at is None or now >= self._database_back_at:
                self._reconcile(now)
                self._beat(now)
                self._round(now)
                self._find_database()
            else:
                self._look_at_perishables(now)
        except DatabaseFailure as error:
            self._lose_database(error, now)
        return self._next_at(now)

    def stop(self) -> None:
        """Stop all connectors, store what they hold, and let go of their leases."""
        for runner in self._runners.values():
            self._close(runner)
        held, self._runners = list(self._runners), {}
        try:
            leases.release(held, self._holder)
        except DatabaseFailure as error:
            logger.warning("The leases are left to end by themselves: %s", error)

    def _reconcile(self, now: datetime) -> None:
        """Work exactly the enabled sources that this collector holds leases on."""
        if self._reconcile_at is not None and now < self._reconcile_at:
            return
        specs = _specs()
        held = leases.hold(specs.keys(), self._holder, now=now)
        for pk, runner in list(self._runners.items()):
            if pk not in held or runner.spec != specs[pk]:
                self._end(pk)
                if pk not in specs:
                    leases.release([pk], self._holder)
        for pk in sorted(held - self._runners.keys()):
            self._runners[pk] = self._start(specs[pk], now)
        self._limits = limits_of(self._runners.keys())
        self._reconcile_at = now + RECONCILE_EVERY

    def _start(self, spec: SourceSpec, now: datetime) -> Runner:
        logger.info("Source %s (%s): collecting.", spec.name, spec.kind)
        return Runner(connector_of(spec.kind), spec, self._wake, now)

    def _end(self, source_id: int) -> None:
        runner = self._runners.pop(source_id)
        logger.info("Source %s: no longer collecting.", runner.spec.name)
        self._close(runner)

    def _close(self, runner: Runner) -> None:
        """Bring in what would be lost with the connector, as far as that can be stored."""
        try:
            if runner.finish() and self._stepped_at is not None:
                self._bring_in(runner, self._stepped_at)
        except DatabaseFailure as error:
            logger.critical("Source %s lost what it held: %s", runner.spec.name, error)
        runner.close()

    def _bring_in(self, runner: Runner, now: datetime) -> None:
        """Store all of it, as nobody would send it again. Raises django.db.Error."""
        while (harvest := runner.poll(now)) is not None:
            load = Load.of(runner, harvest)
            store([load], now, beyond_limit=True)
            runner.settle(Outcome.STORED, now)
            self._count(load)

    def _beat(self, now: datetime) -> None:
        if self._beat_at is None or now >= self._beat_at:
            detail = {"sources": len(self._runners), **self.counts}
            heartbeats.beat("collector", now, detail)
            self._beat_at = now + BEAT_EVERY

    def _round(self, now: datetime) -> None:
        """Poll whoever is due, fairly, and deposit what they bring."""
        loads: list[Load] = []
        due = [r for r in self._runners.values() if r.next_at(now) <= now]
        for runner in due:
            self._to_the_back(runner)
            harvest = runner.poll(now)
            if harvest is not None and not self._is_held_back(runner, harvest, now):
                loads.append(Load.of(runner, harvest))
            if sum(load.harvest.size for load in loads) >= ROUND_BYTES:
                break
        self._deposit(loads, now)
        for runner in due:
            runner.tell_problem(now)

    def _is_held_back(self, runner: Runner, harvest: Harvest, now: datetime) -> bool:
        """Whether the source is over its rate limit.

        What can be read again waits; what cannot is dropped and counted.
        """
        limit = self._limits.get(runner.source_id)
        if limit is None:
            return False
        lines = sum(batch.count for batch in harvest.batches)
        seconds = seconds_to_wait(
            runner.source_id, limit, lines=lines, size=harvest.size, now=now
        )
        if not seconds:
            return False
        if runner.is_perishable and not (harvest.move or harvest.advances):
            note_limited(runner.source_id, lines, now)
            runner.settle(Outcome.STORED, now)
        else:
            runner.settle(Outcome.REFUSED, now)
            runner.put_off(now + timedelta(seconds=seconds))
        return True

    def _to_the_back(self, runner: Runner) -> None:
        self._runners[runner.source_id] = self._runners.pop(runner.source_id)

    def _look_at_perishables(self, now: datetime) -> None:
        """Let those look who could not see later what there is now; they keep it."""
        for runner in self._runners.values():
            if runner.is_perishable and runner.next_at(now) <= now:
                runner.poll(now)
                runner.settle(Outcome.REFUSED, now)

    def _deposit(self, loads: Sequence[Load], now: datetime) -> None:
        """Store all or, when one of them stands in the way, each by itself."""
        if not loads:
            return
        try:
            store(loads, now)
        except (CursorConflictError, BacklogFullError, DatabaseFailure) as error:
            if len(loads) == 1 or is_passing(error):
                self._refuse(loads, error, now)
                return
            for load in loads:
                self._deposit([load], now)
        else:
            settle(loads, Outcome.STORED, now)
            for load in loads:
                load.runner.put_off(now + COALESCE)
                self._count(load)

    def _refuse(self, loads: Sequence[Load], error: Exception, now: datetime) -> None:
        """Nothing of these loads was stored: say so, and decide when to try again."""
        if isinstance(error, CursorConflictError):
            settle(loads, Outcome.CONFLICT, now)
            self.counts["conflicts"] += 1
            return
        settle(loads, Outcome.REFUSED, now)
        if isinstance(error, BacklogFullError):
            for load in loads:
                load.runner.put_off(now + timedelta(seconds=error.retry_after_seconds))
            self.counts["refused"] += 1
        elif is_passing(error):
            raise error
        else:
            for load in loads:
                load.runner.fail(error, now)

    def _count(self, load: Load) -> None:
        for batch in load.harvest.batches:
            kind = "lines" if isinstance(batch, LogBatch) else "samples"
            self.counts[kind] += batch.count
            self.counts["batches"] += 1
        self.counts["bytes"] += load.harvest.size

    def _lose_database(self, error: DatabaseFailure, now: datetime) -> None:
        """Wait longer each time; the files keep what is not read meanwhile."""
        if self._failures == 0:
            logger.warning("The database is away, waiting for it: %s", error)
        delay = min(FIRST_DELAY * 2 ** min(self._failures, 10), LONGEST_DELAY)
        self._failures += 1
        self._database_back_at = now + delay
        connection.close()

    def _find_database(self) -> None:
        if self._failures:
            logger.info("The database is back.")
        self._failures, self._database_back_at = 0, None

    def _next_at(self, now: datetime) -> datetime:
        runners: Iterable[Runner] = self._runners.values()
        if self._database_back_at is not None:
            runners = [runner for runner in runners if runner.is_perishable]
            first = self._database_back_at
        else:
            first = self._reconcile_at or now
        return min((first, *(runner.next_at(now) for runner in runners)))


def connector_of(kind: str) -> type[Connector]:
    """Return what works sources of the kind; a process loads only what it needs."""
    found: type[Connector] = import_string(KINDS[kind].connector)
    return found


def _specs() -> dict[int, SourceSpec]:
    """Return the enabled sources that some collector, on this host, has to work."""
    rows = Source.unscoped.filter(enabled=True, kind__in=WORKED)
    starts = event_starts()
    return {
        row.pk: SourceSpec(
            id=row.pk,
            organization_id=row.organization_id,
            team_id=row.team_id,
            kind=row.kind,
            name=row.name,
            config=row.config,
            labels=row.labels,
            priority=row.priority,
            format=row.format,
            event_start=starts.get((row.organization_id, row.format), ""),
        )
        for row in rows
        if row.config.get("host") in {None, "", platform.node()}
    }
