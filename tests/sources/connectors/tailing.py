"""Drives a FileTail by hand: real files, real cursors, a real inbox, no waiting."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from monitoring.telemetry import LogBatch
from sources.connectors import Harvest, Outcome, SourceSpec
from sources.connectors.file_tail import FileTail
from sources.models import BatchKind, InboxBatch, Source
from sources.services.inbox import Arrival, CursorAdvance, deposit
from tests.factories.accounts import OrganizationFactory

START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


class Tailing:
    """One source of files, and a collector that can be restarted or killed."""

    def __init__(self, directory: Path, *patterns: str, **config: Any) -> None:
        self.directory = directory
        paths = [str(directory / pattern) for pattern in patterns or ["*.log"]]
        self.source = Source.unscoped.create(
            organization=OrganizationFactory(),
            kind=Source.Kind.FILE,
            name="app",
            config={"paths": paths, **config},
            labels={"env": "prod"},
        )
        self.now = START
        self.connector = self._begin()

    def restart(self) -> None:
        """Kill the collector and start another: memory is lost, cursors are not."""
        self.connector.close()
        self.connector = self._begin()

    def pass_time(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    def collect(self) -> list[str]:
        """Look everywhere, store all there is and return its lines."""
        self.pass_time(5)
        lines = self.collect_at_once()
        self.pass_time(2)  # An event of several lines is over when its file is quiet.
        return lines + self.collect_at_once()

    def collect_at_once(self) -> list[str]:
        """Store what can be had without waiting, and return its lines."""
        lines = self._collect_once()
        while self.connector.due_at <= self.now:
            lines += self._collect_once()
        return lines

    def _collect_once(self) -> list[str]:
        harvest = self.connector.poll(self.now)
        if harvest is None:
            return []
        self.store(harvest)
        self.connector.settle(Outcome.STORED, self.now)
        return lines_of(harvest.batch)

    def store(self, harvest: Harvest) -> None:
        deposit(
            [
                Arrival(
                    organization_id=self.source.organization_id,
                    source_id=self.source.pk,
                    team_id=None,
                    priority=1,
                    kind=BatchKind.LOGS,
                    payload=harvest.batch.encode(),
                    count=harvest.batch.count,
                    size=harvest.size,
                    received_at=self.now,
                )
            ],
            advances=[
                CursorAdvance(a.cursor_id, a.old_offset, a.new_offset, a.path)
                for a in harvest.advances
            ],
        )

    def stored(self) -> list[str]:
        """Return all lines in the inbox."""
        return [line for batch in self.batches() for line in lines_of(batch)]

    def batches(self) -> Iterator[LogBatch]:
        for row in InboxBatch.objects.filter(source=self.source).order_by("id"):
            yield LogBatch.decode(bytes(row.payload))

    def write(self, name: str, text: str | bytes) -> Path:
        """Append to a file."""
        path = self.directory / name
        with path.open("ab") as file:
            file.write(text.encode() if isinstance(text, str) else text)
        return path

    def _begin(self) -> FileTail:
        source = self.source
        spec = SourceSpec(
            id=source.pk,
            organization_id=source.organization_id,
            team_id=source.team_id,
            kind=source.kind,
            name=source.name,
            config=source.config,
            labels=source.labels,
            priority=source.priority,
            format=source.format,
        )
        connector = FileTail(spec, lambda: None)
        connector.open(self.now)
        return connector


def lines_of(batch: Any) -> list[str]:
    return batch.table.column("line").to_pylist()
