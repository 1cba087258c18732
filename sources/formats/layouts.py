"""Fixed-width timestamp layouts, read by columns out of a matrix of line heads.

A layout is written as its own picture, one character for each byte:

    Y year   y year of the century   M month   b letter of a month's name
    D day    d first digit of a day, or a space
    h hour   m minute   s second   f digit of a fraction   w letter of a weekday
    p the A or P of AM and PM
    ~ one of - / .   ^ one of T t space _ -   any other: itself
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from sources.formats.spans import Bools, Bytes, Ints

NUMBERS = "YyMDdhmsf"
SETS = {"~": b"-/.", "^": b"Tt _-"}
MONTHS = "jan feb mar apr may jun jul aug sep oct nov dec".split()  # noqa: SIM905
ZERO, NINE, SPACE = 48, 57, 32
LOWER = 0x20
HALF_DAY, NO_HOUR = 12, 99

# The months' names, packed into one integer each.
PACKED = np.array([int.from_bytes(name.encode(), "big") for name in MONTHS])
BY_NAME = np.argsort(PACKED)


def is_digit(matrix: Bytes) -> Bools:
    return (matrix >= ZERO) & (matrix <= NINE)


@dataclass(frozen=True)
class Components:
    """The parts of some timestamps; `year` is -1 where the layout has none."""

    year: Ints
    month: Ints
    day: Ints
    hour: Ints
    minute: Ints
    second: Ints
    nanos: Ints

    def take(self, rows: Bools) -> Components:
        return Components(
            *(getattr(self, name)[rows] for name in self.__dataclass_fields__)
        )


@dataclass(frozen=True)
class Layout:
    picture: str
    # A fraction and a zone may stand behind the picture.
    open_end: bool = True
    # Where each letter stands.
    places: dict[str, list[int]] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        for place, letter in enumerate(self.picture):
            self.places.setdefault(letter, []).append(place)

    @property
    def width(self) -> int:
        return len(self.picture)

    @cached_property
    def dated(self) -> bool:
        return not self.places.keys().isdisjoint("YyMDb")

    @cached_property
    def complete(self) -> bool:
        """Whether nothing but a fraction and a zone can follow."""
        return self.dated and "s" in self.places

    @cached_property
    def literals(self) -> list[tuple[int, bytes]]:
        """Places with what may stand there, the most telling first."""
        found = [
            (place, SETS.get(letter, letter.encode()))
            for letter, places in self.places.items()
            for place in places
            if letter not in NUMBERS + "bwp"
        ]
        return sorted(found, key=lambda item: (len(item[1]), -item[0]))

    def matching(self, heads: Bytes) -> Ints:
        """Return the indexes of the rows that have the layout's shape."""
        if heads.shape[1] < self.width:
            return np.empty(0, np.int64)
        rows: Ints = np.arange(len(heads))
        for place, allowed in self.literals:
            column = heads[rows, place]
            good = column == allowed[0]
            for other in allowed[1:]:
                good |= column == other
            rows = rows[good]
            if not len(rows):
                return rows
        return self._with_digits(heads, rows)

    def _with_digits(self, heads: Bytes, rows: Ints) -> Ints:
        for letter in NUMBERS:
            for place in self.places.get(letter, ()):
                column = heads[rows, place]
                good = (column >= ZERO) & (column <= NINE)
                if letter == "d":
                    good |= column == SPACE
                rows = rows[good]
        for place in self.places.get("w", ()):
            letters = heads[rows, place] | LOWER
            rows = rows[(letters >= ord("a")) & (letters <= ord("z"))]
        for place in self.places.get("p", ()):
            rows = rows[np.isin(heads[rows, place], (ord("A"), ord("P")))]
        return rows

    def read(self, heads: Bytes) -> Components:
        """Return the parts; the rows must have the layout's shape."""
        day = self._number(heads, "D")
        if "d" in self.places:
            tens = heads[:, self.places["d"][0]].astype(np.int64)
            day = np.where(tens == SPACE, 0, tens - ZERO) * 10 + day
        return Components(
            year=self._year(heads),
            month=self._month(heads),
            day=day,
            hour=self._hour(heads),
            minute=self._number(heads, "m"),
            second=self._number(heads, "s"),
            nanos=self._nanos(heads),
        )

    def _number(self, heads: Bytes, letter: str) -> Ints:
        total = np.zeros(len(heads), np.int64)
        for place in self.places.get(letter, ()):
            total = total * 10 + (heads[:, place].astype(np.int64) - ZERO)
        return total

    def _year(self, heads: Bytes) -> Ints:
        if "Y" in self.places:
            return self._number(heads, "Y")
        if "y" in self.places:
            return 2000 + self._number(heads, "y")
        return np.full(len(heads), -1)

    def _hour(self, heads: Bytes) -> Ints:
        hour = self._number(heads, "h")
        if "p" not in self.places:
            return hour
        afternoon = heads[:, self.places["p"][0]] == ord("P")
        # Zero and thirteen are no hours of a twelve-hour clock.
        valid = (hour >= 1) & (hour <= HALF_DAY)
        return np.where(valid, hour % HALF_DAY + HALF_DAY * afternoon, NO_HOUR)

    def _month(self, heads: Bytes) -> Ints:
        if "b" not in self.places:
            return self._number(heads, "M")
        packed = np.zeros(len(heads), np.int64)
        for place in self.places["b"]:
            packed = (packed << 8) | (heads[:, place] | LOWER).astype(np.int64)
        at = np.searchsorted(PACKED, packed, sorter=BY_NAME)
        month = BY_NAME[np.minimum(at, 11)]
        return np.where(PACKED[month] == packed, month + 1, 0)

    def _nanos(self, heads: Bytes) -> Ints:
        digits = len(self.places.get("f", ()))
        scale = int(10 ** (9 - digits))
        return self._number(heads, "f") * scale if digits else self._number(heads, "f")


# ISO 8601 and its neighbours first: they are what most logs have.
LAYOUTS = (
    Layout("YYYY~MM~DD^hh:mm:ss"),
    Layout("DD/bbb/YYYY:hh:mm:ss"),
    Layout("bbb dD hh:mm:ss"),
    Layout("DD/bbb/YYYY hh:mm:ss"),
    Layout("YYYY~MM~DD^hh.mm.ss"),
    Layout("YYYYMMDD^hh:mm:ss"),
    Layout("YYYYMMDDThhmmss"),
    Layout("YYYY-MM-DD'T'hh:mm:ss"),
    Layout("DD bbb YYYY hh:mm:ss"),
    Layout("DD-bbb-YYYY hh:mm:ss"),
    Layout("DD/MM/YYYY hh:mm:ss"),
    Layout("DD.MM.YYYY hh:mm:ss"),
    Layout("www, DD bbb YYYY hh:mm:ss"),
    Layout("www bbb dD hh:mm:ss YYYY", open_end=False),
    Layout("www bbb dD hh:mm:ss.ffffff YYYY", open_end=False),
    Layout("www bbb dD hh:mm:ss.fff YYYY", open_end=False),
    Layout("www bbb dD hh:mm:ss UTC YYYY", open_end=False),
    Layout("bbb dD YYYY hh:mm:ss"),
    Layout("bbb DD, YYYY hh:mm:ss"),
    Layout("bbb D hh:mm:ss"),
    Layout("MMDD hh:mm:ss"),
    Layout("yyMMDD hh:mm:ss"),
    Layout("yyMMDD  h:mm:ss"),
    Layout("yyMMDD hhmmss"),
    Layout("yy/MM/DD hh:mm:ss"),
    Layout("MM/DD/YYYY hh:mm:ss"),
    Layout("YYYY-MM-DD  h:mm:ss"),
    *(
        Layout(f"{month}/{day}/YYYY {hour}:mm:ss pw", open_end=False)
        for month in ("MM", "M")
        for day in ("DD", "D")
        for hour in ("hh", "h")
    ),
    Layout("YYYY-MM-DDThh:mm"),
    Layout("YYYY-MM-DD hh:mm"),
    Layout("hh:mm:ss"),
)
