"""Whatever is done to a log, and whenever the collector dies: each line once, in order."""

from __future__ import annotations

import shutil
from itertools import count

import pytest
from hypothesis import HealthCheck, given, settings, strategies

from sources.connectors import Outcome
from sources.models import Cursor, InboxBatch
from tests.sources.connectors.tailing import Tailing

pytestmark = [pytest.mark.integration, pytest.mark.django_db]

ACTIONS = strategies.one_of(
    strategies.tuples(strategies.just("append"), strategies.integers(1, 60)),
    strategies.tuples(
        strategies.sampled_from(
            (
                *("append_half", "collect", "collect", "poll_and_fail", "poll_and_die"),
                *("rename", "copy_and_truncate", "truncate", "delete", "restart"),
            )
        ),
        strategies.just(0),
    ),
)


class Log:
    """A program that writes numbered lines, and what rotates its file."""

    def __init__(self, tail: Tailing, *, copies_match: bool) -> None:
        self.tail = tail
        self.path = tail.directory / "app.log"
        self.suffix = ".log" if copies_match else ".old"
        self.numbers = count()
        self.rotations = count(1)
        self.expected: list[str] = []
        self.half = ""

    def append(self, lines: int) -> None:
        for _ in range(lines):
            self._finish_line()
            self.half = f"line {next(self.numbers):05d}"
            self.tail.write("app.log", self.half)
            self._finish_line()

    def append_half(self, _: int) -> None:
        self._finish_line()
        self.half = f"half {next(self.numbers):05d}"
        self.tail.write("app.log", self.half)

    def rename(self, _: int) -> None:
        """Rename a file that was seen: another than that no tail can know of."""
        self._finish_line()
        if not Cursor.objects.filter(inode=self._inode()).exists():
            self.collect(0)
        if self.path.exists():
            self.path.rename(self._rotated())

    def copy_and_truncate(self, _: int) -> None:
        """Rotate at a moment when all is read: what is not, this way loses in any tail."""
        self._finish_line()
        self.collect(0)
        if self.path.exists():
            shutil.copy(self.path, self._rotated())
            self.path.write_text("")
        self.collect(0)

    def truncate(self, _: int) -> None:
        self._finish_line()
        self.collect(0)
        if self.path.exists():
            self.path.write_text("")
        self.collect(0)

    def delete(self, _: int) -> None:
        self._finish_line()
        self.collect(0)
        self.path.unlink(missing_ok=True)
        self.collect(0)

    def collect(self, _: int) -> None:
        self.tail.collect()

    def poll_and_fail(self, _: int) -> None:
        self.tail.connector.poll(self.tail.now)
        self.tail.connector.settle(Outcome.REFUSED, self.tail.now)

    def poll_and_die(self, _: int) -> None:
        """Die after the commit and before hearing of it."""
        harvest = self.tail.connector.poll(self.tail.now)
        if harvest is not None:
            self.tail.store(harvest)
        self.tail.restart()

    def restart(self, _: int) -> None:
        self.tail.restart()

    def finish(self) -> None:
        self._finish_line()
        self.tail.collect()
        self.tail.collect()

    def _finish_line(self) -> None:
        if self.half:
            self.tail.write("app.log", "\n")
            self.expected.append(self.half)
            self.half = ""

    def _inode(self) -> int:
        return self.path.stat().st_ino if self.path.exists() else 0

    def _rotated(self):
        return self.path.with_name(f"app.log.{next(self.rotations)}{self.suffix}")


@pytest.mark.parametrize("copies_match", [False, True])
@given(actions=strategies.lists(ACTIONS, max_size=25))
@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_every_line_is_stored_once_and_in_order(tailing, copies_match, actions):
    tail = tailing("*.log")
    log = Log(tail, copies_match=copies_match)

    for name, argument in actions:
        getattr(log, name)(argument)
    log.finish()
    stored = tail.stored()
    clear_up(tail)

    assert stored == log.expected


def clear_up(tail: Tailing) -> None:
    """Leave nothing to the next example, which has the same directory."""
    tail.connector.close()
    InboxBatch.objects.all().delete()
    Cursor.objects.all().delete()
    for path in tail.directory.iterdir():
        path.unlink()
