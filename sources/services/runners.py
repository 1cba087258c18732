"""One connector at work, and what the collector has to remember of it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

from django.db import Error as DatabaseFailure

from sources.connectors import Connector, Harvest, Outcome, SourceSpec
from sources.services.configs import opened_config
from sources.services.kinds import KINDS, with_defaults
from sources.services.state import clear_error, note_error

logger = logging.getLogger(__name__)

# Data that came in meanwhile make a source look healthy: say again what is wrong.
TELL_AGAIN_AFTER = timedelta(seconds=60)
FIRST_DELAY = timedelta(seconds=1)
LONGEST_DELAY = timedelta(seconds=60)
_MAX_PROBLEM = 2000


class Runner:
    """Keeps one source's failures to that source."""

    def __init__(
        self,
        kind: type[Connector],
        spec: SourceSpec,
        wake: Callable[[], None],
        now: datetime,
    ) -> None:
        self.spec = spec
        self._kind = kind
        self._wake_collector = wake
        self._is_woken = False
        self._not_before = now
        self._failures = 0
        self._failure = ""
        self._told, self._told_at = "", now
        self._connector: Connector | None = None

    @property
    def source_id(self) -> int:
        return self.spec.id

    @property
    def is_perishable(self) -> bool:
        return self._kind.perishable

    def next_at(self, now: datetime) -> datetime:
        """Return when it is to be polled next."""
        if self._connector is None:
            return self._not_before
        wanted = now if self._is_woken else self._connector.due_at
        return wanted if self.is_perishable else max(wanted, self._not_before)

    def poll(self, now: datetime) -> Harvest | None:
        """Poll the connector; its own defects end in a message at the source.

        Raises django.db.Error.
        """
        self._is_woken = False
        try:
            if self._connector is None:
                self._connector = self._kind(_opened(self.spec), self._wake)
                self._connector.open(now)
            harvest = self._connector.poll(now)
        except DatabaseFailure:
            raise
        except Exception as error:
            logger.exception("Source %s failed.", self.spec.name)
            self.fail(error, now)
            return None
        self._failure = ""
        return harvest

    def settle(self, outcome: Outcome, now: datetime) -> None:
        if outcome is Outcome.STORED:
            self._failures = 0
        if self._connector is not None:
            self._connector.settle(outcome, now)

    def fail(self, error: Exception, now: datetime) -> None:
        """Begin anew a little later, each time later than before."""
        self._failure = f"Collecting failed and is tried again: {error!r}."
        delay = min(FIRST_DELAY * 2 ** min(self._failures, 10), LONGEST_DELAY)
        self._failures += 1
        self.put_off(now + delay)
        self.close()

    def put_off(self, until: datetime) -> None:
        self._not_before = max(self._not_before, until)

    def finish(self) -> bool:
        """Read no more; return whether polls are to bring in what is held."""
        return self._connector is not None and self._connector.finish()

    def close(self) -> None:
        if self._connector is not None:
            self._connector.close()
            self._connector = None

    def tell_problem(self, now: datetime) -> None:
        """Write to the source what is wrong with it, and when that has passed."""
        problem = self._problem()
        if problem and (
            problem != self._told or now - self._told_at > TELL_AGAIN_AFTER
        ):
            note_error(self.source_id, problem, now)
        elif self._told and not problem:
            clear_error(self.source_id, self._told)
        else:
            return
        if problem != self._told:
            logger.warning("Source %s: %s", self.spec.name, problem or "well again.")
        self._told, self._told_at = problem, now

    def _problem(self) -> str:
        found = self._connector.problem if self._connector is not None else ""
        # Names of files may be any bytes.
        text = (self._failure or found).encode("utf-8", "replace").decode()
        return text[:_MAX_PROBLEM]

    def _wake(self) -> None:
        self._is_woken = True
        self._wake_collector()


def _opened(spec: SourceSpec) -> SourceSpec:
    """Return the spec with its secrets and with what its configuration leaves out.

    Raises UnreadableSecretError.
    """
    config = opened_config(spec.kind, spec.config)
    return replace(spec, config=with_defaults(KINDS[spec.kind], config))
