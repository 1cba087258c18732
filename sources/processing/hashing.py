"""Hashes of many texts at once: stable over time, processes and machines."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from sources.formats.spans import Text

Words = npt.NDArray[np.uint64]

_WORD = 8
# Bytes hashed at a time: the arrays in between are some times as large.
_PIECE = 4 * 2**20
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
# Odd numbers of SplitMix64 (Steele, Lea, Flood 2014).
_FIRST, _SECOND = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)


def hash_texts(texts: Any) -> Words:
    """Return a 64-bit hash of each text; of a null that of the empty text."""
    text = Text.of(texts)
    hashes = np.empty(text.count, np.uint64)
    for first, piece in text.pieces(_PIECE):
        hashes[first : first + piece.count] = _hashed(piece)
    return hashes


def mix(words: Words) -> Words:
    """Return SplitMix64's finalizer: every bit depends on all bits."""
    words = (words ^ (words >> np.uint64(30))) * _FIRST
    words = (words ^ (words >> np.uint64(27))) * _SECOND
    return words ^ (words >> np.uint64(31))


def _hashed(text: Text) -> Words:
    """Sum the mixed words of each text, each with its place, and mix the sum."""
    lengths = text.ends - text.starts
    counts = lengths // _WORD + 1
    firsts = np.cumsum(counts) - counts
    place = np.arange(int(counts.sum())) - np.repeat(firsts, counts)
    starts = np.repeat(text.starts, counts) + place * _WORD
    words = text.windows(starts, _WORD).view("<u8").ravel()
    # What is behind the end of a text does not count.
    left = np.repeat(lengths, counts) - place * _WORD
    bits = np.minimum(left, _WORD).astype(np.uint64) * np.uint64(8)
    partial = bits < 64  # noqa: PLR2004 - bits of a word
    keep = (np.uint64(1) << np.where(partial, bits, 0).astype(np.uint64)) - np.uint64(1)
    words = np.where(partial, words & keep, words)
    mixed = mix(words + (place.astype(np.uint64) + np.uint64(1)) * _GOLDEN)
    sums = np.add.reduceat(mixed, firsts)
    return mix(sums + lengths.astype(np.uint64))
