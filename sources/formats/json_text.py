"""Flattens whole columns of JSON objects into their members, without a loop over lines.

The structure is found by counting: quotes tell what is inside a string, brackets how
deep each byte lies. Nested objects give members named by their path; what lies in an
array, or too deep, stays one value of raw JSON text. The grammar is checked as far as
it decides what a member is; inside arrays anything goes.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from sources.formats.json_members import Members, joined, placed
from sources.formats.json_strings import unescape
from sources.formats.quoting import BACKSLASH, QUOTE, Positions, Tokens, byte_set, scan
from sources.formats.spans import Bools, Ints, Text

COLON = ord(":")
OPEN, CLOSE, OPEN_ARRAY, CLOSE_ARRAY = b"{}[]"

# Objects nested deeper than this stay raw text.
MAX_DEPTH = 8
# White space around a value; more is not what a program writes.
MAX_BLANKS = 64
# Bytes looked at in one go: what the processor's cache holds with all its tables.
PIECE = 1 << 20

STRUCTURAL = byte_set(b'"\\:,{}[]')
BLANK = byte_set(b" \t\r\n")
STARTS_SCALAR = byte_set(b"-0123456789tfnNI")

DEPTH_STEP = np.zeros(256, np.int8)
DEPTH_STEP[[OPEN, OPEN_ARRAY]] = 1
DEPTH_STEP[[CLOSE, CLOSE_ARRAY]] = -1
ARRAY_STEP = np.zeros(256, np.int8)
ARRAY_STEP[OPEN_ARRAY], ARRAY_STEP[CLOSE_ARRAY] = 1, -1

# What may follow what, strings and arrays left out.
FOLLOWS = np.zeros((256, 256), np.bool_)
for _before, _after in ("{:", "{}", ":{", ":,", ":}", ",:", "},", "}}"):
    FOLLOWS[ord(_before), ord(_after)] = True


def flatten(text: Text) -> tuple[Bools, Members]:
    """Return which strings are JSON objects, and the members of those.

    The strings must not have white space around them.
    """
    good = np.zeros(text.count, np.bool_)
    found: list[Members] = []
    codes: dict[str, int] = {}
    for first, piece in text.pieces(PIECE):
        good[first : first + piece.count], members = _flatten(piece)
        found.append(placed(members, first, int(text.starts[first]), codes))
    return good, joined(found, list(codes))


def _flatten(text: Text) -> tuple[Bools, Members]:
    tokens, good = scan(text, STRUCTURAL)
    shape, index = _shape(tokens, good)
    _check_order(text, shape, good)
    members = _members(text, tokens, shape, index, good)
    return good, members


def _shape(tokens: Tokens, good: Bools) -> tuple[Tokens, Ints]:
    """Return the tokens that make the objects, and their places among all tokens.

    Left out are quotes, arrays with all they hold, and what lies too deep.
    """
    plain = np.flatnonzero(tokens.kinds != QUOTE)
    outside = Tokens(tokens.places[plain], tokens.kinds[plain], tokens.rows[plain])
    firsts = outside.firsts(len(good))
    depth = _running(DEPTH_STEP[outside.kinds], firsts, outside.rows)
    arrays = _running(ARRAY_STEP[outside.kinds], firsts, outside.rows)
    good[outside.rows[(depth < 0) | (arrays < 0)]] = False
    last = firsts[1:] - 1
    filled = np.diff(firsts) > 0
    good &= filled
    ends = last[filled]
    good[filled] &= (depth[ends] == 0) & (arrays[ends] == 0)
    inner = depth + (outside.kinds == CLOSE)
    keep = (arrays == 0) & (inner <= MAX_DEPTH) & (outside.kinds != CLOSE_ARRAY)
    return outside.keep(keep), plain[keep]


def _running(steps: npt.NDArray[np.int8], firsts: Ints, rows: Positions) -> Positions:
    """Return the sum of the steps so far, counted anew in every row."""
    total = np.append(0, np.cumsum(steps, dtype=np.int32)).astype(np.int32)
    return np.asarray(total[1:] - total[firsts[:-1]][rows])


def _check_order(text: Text, shape: Tokens, good: Bools) -> None:
    """Unmark the rows whose tokens do not follow each other as in an object."""
    firsts = shape.firsts(text.count)
    filled = np.diff(firsts) > 0
    good &= filled
    first, last = firsts[:-1][filled], firsts[1:][filled] - 1
    whole = shape.places[first] == text.starts[filled]
    whole &= shape.places[last] == text.ends[filled] - 1
    whole &= (shape.kinds[first] == OPEN) & (shape.kinds[last] == CLOSE)
    good[filled] &= whole
    before, after = shape.kinds[:-1], shape.kinds[1:]
    across = shape.rows[:-1] != shape.rows[1:]
    allowed = FOLLOWS[before, after] | across
    # Nothing stands in an empty object, nor between an object's end and what follows.
    bare = ~across & ((before == CLOSE) | ((before == OPEN) & (after == CLOSE)))
    allowed[bare] &= _blank(text, shape.places[:-1][bare] + 1, shape.places[1:][bare])
    good[shape.rows[:-1][~allowed]] = False


def _members(
    text: Text, tokens: Tokens, shape: Tokens, index: Ints, good: Bools
) -> Members:
    colons = np.flatnonzero((shape.kinds == COLON) & good[shape.rows])
    at, until = index[colons], index[colons + 1]
    kinds, places = tokens.kinds, tokens.places
    rows = shape.rows[colons].astype(np.int64)
    # A key is one string, right behind what comes before it.
    fine = (index[colons - 1] == at - 3) & (kinds[at - 1] == QUOTE)
    fine &= _blank(text, places[at - 3] + 1, places[at - 2])
    fine &= _blank(text, places[at - 1] + 1, places[at])
    parents = shape.kinds[colons + 1] == OPEN
    fine &= ~parents | (until == at + 1)
    raw_starts, raw_ends = _trimmed(text, places[at] + 1, places[until])
    first = text.data[raw_starts]
    strings = ~parents & (first == QUOTE)
    fine &= ~strings | ((until == at + 3) & (text.data[raw_ends - 1] == QUOTE))
    scalars = ~parents & (until == at + 1)
    fine &= ~scalars | (STARTS_SCALAR[first] & (raw_starts < raw_ends))
    fine &= parents | scalars | strings | (first == OPEN_ARRAY) | (first == OPEN)
    good[rows[~fine]] = False
    codes, names = _paths(text, tokens, shape, colons, at)
    leaf = good[rows] & ~parents & ~(scalars & (first == ord("n")))
    inside = strings.astype(np.int64)
    starts, ends = raw_starts + inside, raw_ends - inside
    return Members(
        rows=rows[leaf],
        codes=codes[leaf],
        names=names,
        starts=starts[leaf],
        ends=ends[leaf],
        raw_starts=raw_starts[leaf],
        raw_ends=raw_ends[leaf],
        escaped=(strings & text.holds(BACKSLASH, starts, ends))[leaf],
    )


def _blank(text: Text, starts: Positions, ends: Positions) -> Bools:
    """Return which of the spans hold nothing but white space."""
    fine = starts >= ends
    some = np.flatnonzero(~fine)
    if len(some):
        left, right = _trimmed(text, starts[some], ends[some])
        fine[some] = left >= right
    return fine


def _trimmed(text: Text, starts: Positions, ends: Positions) -> tuple[Ints, Ints]:
    left, right = starts.astype(np.int64), ends.astype(np.int64)
    for _ in range(MAX_BLANKS):
        blank = BLANK[text.data[left]] & (left < right)
        if not blank.any():
            break
        left += blank
    for _ in range(MAX_BLANKS):
        blank = BLANK[text.data[right - 1]] & (left < right)
        if not blank.any():
            break
        right -= blank
    return left, right


def _paths(
    text: Text, tokens: Tokens, shape: Tokens, colons: Ints, at: Ints
) -> tuple[Ints, list[str]]:
    """Return for every colon the code of its path, and the paths by code."""
    if not len(colons):
        return np.empty(0, np.int64), []
    starts = tokens.places[at - 2].astype(np.int64) + 1
    ends = tokens.places[at - 1].astype(np.int64)
    encoded = text.cut(starts, np.maximum(starts, ends)).dictionary_encode()
    codes = encoded.indices.to_numpy().astype(np.int64)
    names = [unescape(name) for name in encoded.dictionary.to_pylist()]
    depth = _object_depth(shape)[colons]
    if depth.max() == 1:
        return codes, names
    return _nested_paths(codes, names, depth)


def _object_depth(shape: Tokens) -> Positions:
    firsts = shape.firsts(int(shape.rows[-1]) + 1 if len(shape.rows) else 0)
    return _running(DEPTH_STEP[shape.kinds], firsts, shape.rows)


def _nested_paths(
    codes: Ints, keys: list[str], depth: Positions
) -> tuple[Ints, list[str]]:
    """Join each key to the path of the object it lies in, level by level."""
    paths: list[str] = []
    result = np.zeros(len(codes), np.int64)
    order = np.arange(len(codes))
    for level in range(1, int(depth.max()) + 1):
        here = np.flatnonzero(depth == level)
        if not len(here):
            continue
        above = np.zeros(len(here), np.int64)
        if level > 1:
            holder = np.maximum.accumulate(np.where(depth == level - 1, order, 0))
            above = result[holder[here]]
        pair = above * len(keys) + codes[here]
        distinct, which = np.unique(pair, return_inverse=True)
        for one in distinct.tolist():
            parent, key = divmod(one, len(keys))
            paths.append(f"{paths[parent]}.{keys[key]}" if level > 1 else keys[key])
        result[here] = len(paths) - len(distinct) + which
    return result, paths
