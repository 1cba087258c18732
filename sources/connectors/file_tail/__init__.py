"""Follows files: every line once, through rotation, truncation and restarts.

The kernel's events (watchdog) say at once what was touched; a regular look at all
files finds what they missed. How far a file has been read stands in its Cursor, which
advances in the transaction that stores the lines, so nothing is lost or repeated
whenever the process dies.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from django.conf import settings
from typing_extensions import override

from sources.connectors import Advance, Connector, Harvest, Outcome, SourceSpec
from sources.connectors.file_tail.batches import make_batch
from sources.connectors.file_tail.events import EVENT_AFTER
from sources.connectors.file_tail.globbing import PathPattern
from sources.connectors.file_tail.inventory import LINGER, Inventory
from sources.connectors.file_tail.reading import HELD_LINE_AFTER, Reading
from sources.connectors.file_tail.roots import allowed_roots
from sources.connectors.file_tail.splitting import (
    UnsupportedEncodingError,
    check_encoding,
)
from sources.connectors.file_tail.tail import Piece, Rules
from sources.connectors.file_tail.watching import Watcher
from sources.formats.multiline import join_multiline
from sources.models import Cursor

SCAN_EVERY = timedelta(seconds=5)
# Without events the regular look is all there is.
SCAN_EVERY_WHEN_BLIND = timedelta(seconds=1)
SHORTEST_BETWEEN_SCANS = timedelta(milliseconds=200)
LOOK_AT_HELD_EVERY = timedelta(milliseconds=500)
_PROBLEMS_TOLD = 3


class FileTail(Connector):
    """Reads all files that match the source's paths."""

    def __init__(self, spec: SourceSpec, wake: Callable[[], None]) -> None:
        super().__init__(spec, wake)
        encoding, self._wrong_setting = _encoding(spec)
        paths = [] if self._wrong_setting else spec.config.get("paths", [])
        recursive = bool(spec.config.get("recursive"))
        self._patterns = [PathPattern.of_config(p, recursive=recursive) for p in paths]
        self._inventory = Inventory(spec.id, self._patterns, allowed_roots(spec.config))
        rules = Rules(
            encoding=encoding,
            max_line_bytes=settings.INGEST_MAX_LINE_BYTES,
            joins_lines=bool(spec.config.get("multiline")),
            format_name=spec.format,
            event_start=spec.event_start,
        )
        self._reading = Reading(rules, self._inventory.replace)
        self._watcher = Watcher(wake)
        self._next_scan: datetime | None = None
        self._has_scanned = False
        self._skip_present: bool | None = None

    @property
    def counts(self) -> Counter[str]:
        return self._reading.counts

    @override
    def open(self, now: datetime) -> None:
        self.due_at = self._last_scan = self._next_look_at_held = now
        self._watcher.watch((p.base, p.is_deep) for p in self._patterns)

    @override
    def poll(self, now: datetime) -> Harvest | None:
        try:
            self._notice(now)
            pieces = self._reading.gather(now)
        except BaseException:
            # What was noticed is forgotten: look at everything again.
            self._next_scan = None
            self._reading.add(self._inventory)
            raise
        finally:
            self._tell_problems()
        self._set_due(now)
        return self._harvest(pieces) if pieces else None

    @override
    def settle(self, outcome: Outcome, now: datetime) -> None:
        self._reading.settle(outcome)
        self._set_due(now)

    @override
    def close(self) -> None:
        self._watcher.close()
        self._inventory.close()

    def _notice(self, now: datetime) -> None:
        """Learn which files may have something new."""
        self._reload_contested()
        touched, directories_changed = self._watcher.take()
        if directories_changed:
            self._scan_soon(now)
        if self._next_scan is None or now >= self._next_scan:
            self._scan(now)
        elif touched:
            self._reading.add(self._inventory.look_at(sorted(touched), now))
        if now >= self._next_look_at_held:
            self._look_at_held(now)
            self._next_look_at_held = now + LOOK_AT_HELD_EVERY

    def _scan_soon(self, now: datetime) -> None:
        """Look everywhere, but not once for every directory of many new ones."""
        if self._next_scan is not None:
            soon = self._last_scan + SHORTEST_BETWEEN_SCANS
            self._next_scan = max(now, min(self._next_scan, soon))

    def _scan(self, now: datetime) -> None:
        self._watcher.watch((p.base, p.is_deep) for p in self._patterns)
        if self._has_scanned:
            self._reading.add(self._inventory.scan(now))
        else:
            skip = self._skips_present()
            self._reading.add(self._inventory.scan(now, skip_present=skip))
            self._reading.add(self._inventory.recover(now))
            self._inventory.forget_old(now)
            self._has_scanned = True
        self._last_scan = now
        self._next_scan = now + (
            SCAN_EVERY_WHEN_BLIND if self._is_blind else SCAN_EVERY
        )

    def _skips_present(self) -> bool:
        """Whether only what comes after the source's first look is wanted."""
        if self._skip_present is None:
            wanted = self.spec.config.get("from") == "end"
            seen = Cursor.objects.filter(source_id=self.spec.id)
            self._skip_present = wanted and not seen.exists()
        return self._skip_present

    @property
    def _is_blind(self) -> bool:
        """Whether files change of which the kernel will not tell us."""
        return self._watcher.is_blind or any(
            not self._watcher.covers(tail.real_path) for tail in self._inventory
        )

    def _look_at_held(self, now: datetime) -> None:
        """Take what waited long enough, and let files go that stay quiet."""
        for tail in list(self._inventory):
            if not tail.is_rotated and not tail.holds_event:
                continue
            quiet = now - (tail.changed_at or now)
            if tail.holds_event and quiet >= EVENT_AFTER:
                self._reading.add([tail])
            elif not tail.is_rotated:
                continue
            elif not tail.is_finished and quiet >= HELD_LINE_AFTER:
                self._reading.add([tail])
            elif tail.is_finished and quiet >= LINGER and tail.path is None:
                self._inventory.release(tail, now)
                self._reading.forget(tail)

    def _reload_contested(self) -> None:
        """Continue where another collector stands, which has moved our cursors."""
        contested = self._reading.contested
        if not contested:
            return
        rows = Cursor.objects.in_bulk(contested)
        for tail in [t for t in self._inventory if t.cursor.pk in contested]:
            row = rows.get(tail.cursor.pk)
            if row is None:
                self._inventory.drop(tail)
                self._reading.forget(tail)
                self._next_scan = None
            else:
                tail.reload(row)
                self._reading.add([tail])
        contested.clear()

    def _harvest(self, pieces: Sequence[Piece]) -> Harvest:
        advances = tuple(
            Advance(p.tail.cursor.pk, p.old_offset, p.new_offset, p.tail.origin)
            for p in pieces
        )
        size = sum(piece.size for piece in pieces)
        batch = make_batch(self.spec, pieces)
        if self.spec.config.get("multiline"):
            spec = self.spec
            batch = join_multiline(batch, spec.format, event_start=spec.event_start)
        return Harvest(batch, size, advances)

    def _set_due(self, now: datetime) -> None:
        later = min(self._next_scan or now, self._next_look_at_held)
        self.due_at = now if self._reading else later

    def _tell_problems(self) -> None:
        problems = [*self._inventory.problems.values(), *self._reading.problems]
        if self._wrong_setting:
            problems.insert(0, self._wrong_setting)
        more = len(problems) - _PROBLEMS_TOLD
        rest = [f"And {more} more files."] if more > 0 else []
        self.problem = " ".join([*problems[:_PROBLEMS_TOLD], *rest])


def _encoding(spec: SourceSpec) -> tuple[str, str]:
    """Return the encoding of the source's files and what is wrong with the setting."""
    try:
        return check_encoding(str(spec.config.get("encoding") or "utf-8")), ""
    except UnsupportedEncodingError as error:
        return "utf-8", str(error)
