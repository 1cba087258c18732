"""Finds telling bytes outside quoted strings, in all lines at once.

Quotes are counted from the start of each line: behind an odd number of them lies a
string. A backslash takes the next byte's meaning.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sources.formats.spans import Bools, Bytes, Ints, Text

QUOTE, BACKSLASH = b'"\\'

Positions = npt.NDArray[np.int32]


def byte_set(members: bytes) -> Bools:
    """Return a table that tells of each byte whether it is a member."""
    table = np.zeros(256, np.bool_)
    table[list(members)] = True
    return table


@dataclass(frozen=True, slots=True)
class Tokens:
    """Structural bytes outside strings, and the quotes; sorted by position."""

    places: Positions
    kinds: Bytes
    rows: Positions

    def keep(self, which: Bools) -> Tokens:
        return Tokens(self.places[which], self.kinds[which], self.rows[which])

    def firsts(self, count: int) -> Ints:
        """Return where each row's tokens begin, and behind the last where all end."""
        return np.searchsorted(self.rows, np.arange(count + 1))


def scan(text: Text, wanted: Bools) -> tuple[Tokens, Bools]:
    """Return the wanted bytes, and which rows close every string they open.

    `wanted` must hold the quote and the backslash; the latter is not returned.
    """
    data = text.data[: text.size]
    places = np.flatnonzero(wanted[data])
    kinds = data[places]
    escapes = kinds == BACKSLASH
    if escapes.any():
        hidden = _escaped(text, places[escapes])
        real = ~(escapes | ((kinds == QUOTE) & hidden[places]))
        places, kinds = places[real], kinds[real]
    counts = np.diff(np.searchsorted(places, np.append(text.starts, text.size)))
    rows = np.repeat(np.arange(text.count, dtype=np.int32), counts)
    tokens = Tokens(places.astype(np.int32), kinds, rows)
    firsts = np.append(0, np.cumsum(counts))
    quotes = kinds == QUOTE
    before = np.append(0, np.cumsum(quotes, dtype=np.int32))
    odd = (before[1:] - before[firsts[:-1]][rows]) & 1 == 1
    good = (before[firsts[1:]] - before[firsts[:-1]]) & 1 == 0
    return tokens.keep(quotes | ~odd), np.asarray(good)


def _escaped(text: Text, backslashes: Ints) -> Bools:
    """Mark every byte that a backslash takes its meaning from."""
    starts = np.zeros(text.size + 1, np.bool_)
    starts[text.starts] = True
    fresh = np.append(True, np.diff(backslashes) != 1) | starts[backslashes]
    order = np.arange(len(backslashes))
    run = np.maximum.accumulate(np.where(fresh, order, 0))
    hidden = np.zeros(text.size + 1, np.bool_)
    hidden[backslashes[(order - run) % 2 == 0] + 1] = True
    hidden[text.starts] = False
    return hidden
