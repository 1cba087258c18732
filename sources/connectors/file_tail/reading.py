"""Whose turn it is: a fair share of each harvest for every file with something new."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta

from sources.connectors import Outcome
from sources.connectors.file_tail.cursors import grow_head
from sources.connectors.file_tail.events import EVENT_AFTER
from sources.connectors.file_tail.gzipped import DamagedFileError, IncompleteFileError
from sources.connectors.file_tail.tail import (
    BinaryFileError,
    FileChangedError,
    Piece,
    Rules,
    Tail,
)

HARVEST_BYTES = 4 * 2**20
# A line without its newline is taken when its file was rotated away for so long.
HELD_LINE_AFTER = timedelta(seconds=5)
_LEAST_SHARE = 2**16
_UNFINISHED_FOR = timedelta(minutes=1)


class Reading:
    """The files that may have something new, and what was read of them last."""

    def __init__(
        self, rules: Rules, begin_anew: Callable[[Tail, datetime], Tail]
    ) -> None:
        self.counts: Counter[str] = Counter()
        self.contested: set[int] = set()  # cursors that another collector has moved
        self._rules = rules
        self._begin_anew = begin_anew
        self._ready: dict[Tail, None] = {}
        self._pieces: list[Piece] = []
        self._problems: dict[Tail, str] = {}

    def __bool__(self) -> bool:
        """Whether there may be more to read right now."""
        return bool(self._ready)

    def add(self, tails: Iterable[Tail]) -> None:
        self._ready.update(dict.fromkeys(tails))

    def forget(self, tail: Tail) -> None:
        """Leave out a tail that was let go."""
        self._ready.pop(tail, None)
        self._problems.pop(tail, None)

    @property
    def problems(self) -> list[str]:
        return [text for tail, text in self._problems.items() if tail.path is not None]

    def gather(self, now: datetime) -> list[Piece]:
        """Read one harvest; what was not settled before is read again."""
        self.settle(Outcome.REFUSED)
        left, turns = HARVEST_BYTES, self._turns()
        share = max(HARVEST_BYTES // max(1, len(turns)), _LEAST_SHARE)
        for tail in turns:
            if left <= 0:
                break
            piece = self._read(tail, min(share, left), now)
            self._ready.pop(tail, None)
            if piece is not None:
                self._pieces.append(piece)
                left -= piece.size
        return self._pieces

    def settle(self, outcome: Outcome) -> None:
        for piece in self._pieces:
            if outcome is Outcome.STORED:
                piece.tail.advance(piece)
                self._count(piece)
            if piece.more or outcome is not Outcome.STORED:
                self._ready[piece.tail] = None
        if outcome is Outcome.CONFLICT:
            self.contested |= {piece.tail.cursor.pk for piece in self._pieces}
        self._pieces = []

    def _turns(self) -> list[Tail]:
        """Return what to read; of files that hold one log, the oldest comes first."""
        oldest: dict[str, Tail] = {}
        for tail in self._ready:
            first = oldest.setdefault(tail.origin, tail)
            if tail.cursor.pk < first.cursor.pk:
                oldest[tail.origin] = tail
        return [tail for tail in self._ready if oldest[tail.origin] is tail]

    def _read(self, tail: Tail, limit: int, now: datetime) -> Piece | None:
        """Read one file as far as its being quiet or rotated allows."""
        quiet = now - (tail.changed_at or now)
        is_final = tail.is_rotated and quiet >= HELD_LINE_AFTER
        piece = self._try(
            tail, limit, now, is_quiet=quiet >= EVENT_AFTER, is_final=is_final
        )
        tail.is_finished = is_final and piece is None
        return piece

    def _try(
        self, tail: Tail, limit: int, now: datetime, *, is_quiet: bool, is_final: bool
    ) -> Piece | None:
        self._problems.pop(tail, None)
        try:
            piece = tail.read(limit, self._rules, is_quiet=is_quiet, is_final=is_final)
            if piece is not None and not self._keep_head(tail):
                return None
        except FileChangedError:
            self._ready[self._begin_anew(tail, now)] = None
            self.forget(tail)
            return None
        except (BinaryFileError, DamagedFileError, IncompleteFileError, OSError) as e:
            self._tell(tail, e, now)
            return None
        return piece

    def _keep_head(self, tail: Tail) -> bool:
        """Remember the file's first bytes as they come; whether the cursor is ours."""
        head = tail.longer_head()
        if head is None or grow_head(tail.cursor, head):
            return True
        self.contested.add(tail.cursor.pk)
        return False

    def _tell(self, tail: Tail, error: Exception, now: datetime) -> None:
        name = tail.path or tail.origin
        match error:
            case BinaryFileError():
                text = f"{name} is not read: it is a binary file, not text."
            case DamagedFileError():
                text = f"{name} is not read: it is not whole ({error})."
            case IncompleteFileError():
                if _age(tail, now) < _UNFINISHED_FOR:
                    return
                text = f"{name} is not read further: its compressed data end early."
            case OSError():
                text = f"Cannot read {name}: {error.strerror}."
            case _:
                raise error
        self._problems[tail] = text

    def _count(self, piece: Piece) -> None:
        self.counts["lines"] += len(piece.lines)
        self.counts["bytes"] += piece.size
        self.counts["cut_lines"] += len(piece.lines.originals)
        self.counts["replaced_bytes"] += piece.lines.replaced


def _age(tail: Tail, now: datetime) -> timedelta:
    """Return how long ago the file was written to."""
    if tail.seen is None:
        return timedelta()
    return now - datetime.fromtimestamp(tail.seen[1] / 1e9, UTC)
