"""`manage.py collect` as a process: killed, stopped, and quick."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from django.db import connection

from monitoring.telemetry import LogBatch
from sources.models import InboxBatch, Source, SourceState
from tests.factories.accounts import OrganizationFactory

pytestmark = [pytest.mark.integration, pytest.mark.django_db(transaction=True)]

ROOT = Path(__file__).resolve().parent.parent.parent
SECONDS = 60.0


class CollectorProcess:
    """One collector; started and killed as often as a test likes."""

    def __init__(self, roots: Path) -> None:
        self.environment = {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "tests.processes.collector_settings",
            "COLLECTOR_DATABASE": connection.settings_dict["NAME"],
            "FILE_SOURCE_ROOTS": str(roots),
            "PYTHONPATH": str(ROOT),
        }
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "django", "collect"],
            cwd=ROOT,
            env=self.environment,
        )

    def end(self, number: int) -> int:
        self.process.send_signal(number)
        return self.process.wait(timeout=SECONDS)


@pytest.fixture
def collector(tmp_path):
    one = CollectorProcess(tmp_path)
    yield one
    if one.process is not None and one.process.poll() is None:
        one.end(signal.SIGKILL)


@pytest.fixture
def source(tmp_path):
    return Source.unscoped.create(
        organization=OrganizationFactory(),
        kind=Source.Kind.FILE,
        name="app",
        config={"paths": [f"{tmp_path}/app.log*"]},
    )


def stored() -> list[str]:
    rows = InboxBatch.objects.order_by("id")
    batches = [LogBatch.decode(bytes(row.payload)) for row in rows]
    return [line for b in batches for line in b.table.column("line").to_pylist()]


def wait_until(condition) -> None:
    deadline = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < deadline, f"{len(stored())} lines stored"
        time.sleep(0.02)


def wait_for_more() -> None:
    before = InboxBatch.objects.count()
    wait_until(lambda: InboxBatch.objects.count() > before)


class Writer(threading.Thread):
    """Writes numbered lines, 1,000 a second at most; now and then its file is renamed."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path
        self.lines: list[str] = []
        self.finished = threading.Event()

    def run(self) -> None:
        while not self.finished.is_set():
            with self.path.open("a", buffering=1) as file:
                self._write_some(file)
            self.path.rename(f"{self.path}.{len(self.lines)}")

    def finish(self) -> None:
        self.finished.set()
        self.join()

    def _write_some(self, file) -> None:
        for _ in range(1500):
            line = f"{len(self.lines):06d} INFO something happened"
            file.write(f"{line}\n")
            self.lines.append(line)
            if self.finished.wait(0.001):
                return


def test_a_killed_collector_loses_and_repeats_nothing(collector, source, tmp_path):
    collector.start()
    writer = Writer(tmp_path / "app.log")
    writer.start()

    try:
        for pause in (0.7, 1.3, 0.4):
            wait_for_more()
            time.sleep(pause)
            collector.end(signal.SIGKILL)
            collector.start()
        wait_for_more()
    finally:
        writer.finish()
    wait_until(lambda: len(stored()) >= len(writer.lines))

    # A scan may meet two files in the middle of a rotation: then the order of the
    # files is not told, but never that of the lines in one of them.
    assert sorted(stored()) == writer.lines


def test_a_stopped_collector_ends_well_and_releases_its_leases(collector, source):
    collector.start()
    wait_until(lambda: SourceState.objects.exclude(lease_holder="").exists())

    code = collector.end(signal.SIGTERM)

    assert (code, SourceState.objects.get().lease_holder) == (0, "")


def test_a_line_is_stored_soon_after_it_was_written(collector, source, tmp_path):
    collector.start()
    path = tmp_path / "app.log"
    path.write_text("warm\n")
    wait_until(lambda: len(stored()) == 1)

    delays = []
    for number in range(20):
        time.sleep(0.05)
        with path.open("a") as file:
            file.write(f"{number}\n")
        written = time.monotonic()
        wait_until(lambda wanted=number + 2: InboxBatch.objects.count() >= wanted)
        delays.append(time.monotonic() - written)

    assert sorted(delays)[len(delays) // 2] < 0.25
