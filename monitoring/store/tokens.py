"""The token filter of a log block: which substrings cannot be in it.

A needle may begin and end in the middle of a word, so the tokens are not words but
grams, the runs of 4 and of 6 bytes inside the lines. The filter is a Bloom filter with
one hash over them (docs/decisions/0002-gram-filter.md has the figures). Pure.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

# A block smaller than this is cheaper to read than to filter.
MIN_FILTERED_BYTES = 16 * 1024
# The largest filter in bits, as a power of two, and its share of the lines' bytes.
# Only lines that are all random need that much: most filters are folded to 1 to 3 %.
MAX_BITS_LOG2 = 24
MAX_SHARE = 1 / 16
# A filter is halved as long as at most this share of its bits is set.
TARGET_DENSITY = 0.6
# More probes than this do not make a skip likelier.
MAX_PROBES = 24

SHORT, LONG = 4, 6
_WORD = 8
_CHUNK = 1 << 16

# Odd multipliers; the upper bits of the product are the hash.
_MULTIPLIERS = {SHORT: 0x9E3779B97F4A7C15, LONG: 0xD6E8FEB86659FD93}
_SHIFT = 64 - MAX_BITS_LOG2


def build_filter(text: bytes | memoryview) -> bytes:
    """Return the filter of concatenated lines; empty: anything may be inside.

    The length is a power of two. Grams that span two lines get in as well: they
    cost a little density and never a wrong answer.
    """
    if len(text) < MIN_FILTERED_BYTES:
        return b""
    bits = 1 << min(int(len(text) * 8 * MAX_SHARE).bit_length() - 1, MAX_BITS_LOG2)
    flags = np.zeros(bits, np.bool_)
    padded = bytes(text) + bytes(_WORD)
    for length in (SHORT, LONG):
        _mark(flags, padded, length)
    return np.packbits(_fold(flags), bitorder="little").tobytes()


def _mark(flags: npt.NDArray[np.bool_], padded: bytes, length: int) -> None:
    """Set the bit of every gram; in chunks that stay in the processor's cache."""
    count = len(padded) - _WORD + 1 - length
    # Overlapping little-endian words, one starting at every byte.
    words = np.ndarray((count,), np.dtype("<u8"), buffer=padded, strides=(1,))
    mask = np.uint64((1 << (8 * length)) - 1)
    multiplier = np.uint64(_MULTIPLIERS[length])
    fit = np.uint64(len(flags) - 1)
    scratch = np.empty(_CHUNK, np.uint64)
    for start in range(0, count, _CHUNK):
        chunk = words[start : start + _CHUNK]
        hashed = scratch[: len(chunk)]
        np.bitwise_and(chunk, mask, out=hashed)
        np.multiply(hashed, multiplier, out=hashed)
        np.right_shift(hashed, np.uint64(_SHIFT), out=hashed)
        np.bitwise_and(hashed, fit, out=hashed)
        flags[hashed.view(np.int64)] = True


def _fold(flags: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Halve a sparse filter as long as it stays selective."""
    while len(flags) > _WORD:
        half = len(flags) // 2
        folded = flags[:half] | flags[half:]
        if np.count_nonzero(folded) > TARGET_DENSITY * half:
            break
        flags = folded
    return flags


def probes(needle: str) -> list[int]:
    """Return the hashes whose bits are all set in any block that has the needle.

    Reduce each modulo the filter's bits. Empty for a needle that is too short to tell.
    """
    raw = needle.encode(errors="surrogatepass")
    hashes = sorted(set(_hashes(raw, LONG if len(raw) >= LONG else SHORT)))
    stride = -(-len(hashes) // MAX_PROBES) or 1
    return hashes[::stride]


def _hashes(raw: bytes, length: int) -> Iterator[int]:
    for start in range(len(raw) - length + 1):
        word = int.from_bytes(raw[start : start + length], "little")
        yield (word * _MULTIPLIERS[length] & (2**64 - 1)) >> _SHIFT


def may_contain(token_filter: bytes, needle: str) -> bool:
    """Return whether the needle can be in the block; the store asks this in SQL."""
    bits = len(token_filter) * 8
    return bits == 0 or all(
        token_filter[(h % bits) >> 3] >> (h & 7) & 1 for h in probes(needle)
    )
