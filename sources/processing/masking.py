"""Hides secrets in lines, fields and labels before anything of them is stored."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from monitoring.labels import Labels, make_labels
from monitoring.telemetry import FIELD_PREFIX
from sources.formats.spans import Bools, as_strings
from sources.processing.presets import PRESETS, Part
from sources.processing.rules import Mask

# Unicode's characters for private use: more than the lines of a batch can hold all of.
_MARKS = (*range(0xE000, 0xF900), *range(0xF0000, 0xFFFFE))
_PRIVATE = r"[\x{E000}-\x{F8FF}\x{F0000}-\x{FFFFD}]"
_DIGEST_BYTES = 8
# Hexadecimal in letters that no preset takes for a number.
_LETTERS = str.maketrans("0123456789abcdef", "ghijklmnopqrstuv")
# Labels that say where a line is from are the source's own, not its text.
_OWN_LABELS = frozenset({"source"})
_ESCAPE = r"\u00"


@dataclass(frozen=True, slots=True)
class Masked:
    """A batch without secrets; `rows` marks the lines in which one was hidden."""

    streams: tuple[Labels, ...]
    table: pa.Table
    rows: Bools


def mask_batch(
    masks: Sequence[Mask], streams: Sequence[Labels], table: pa.Table, key: bytes
) -> Masked:
    """Hide everywhere what the masks say: `key` is what hashes depend on."""
    rows = np.zeros(table.num_rows, np.bool_)
    columns: dict[str, Any] = {}
    for name in table.column_names:
        column, shown = table.column(name), name
        if name == "line":
            column, hit = _masked_lines(masks, as_strings(column), key)
            rows |= hit
        elif name.startswith(FIELD_PREFIX):
            field = name.removeprefix(FIELD_PREFIX)
            column, hit = _masked_field(masks, field, column, key)
            shown = FIELD_PREFIX + _masked_text(masks, field, key)
            rows |= hit
        # Two names may have become one.
        held = columns.get(shown)
        columns[shown] = column if held is None else pc.coalesce(held, column)
    return Masked(_masked_streams(masks, streams, key), pa.table(columns), rows)


def mask_lines(masks: Sequence[Mask], lines: Any, key: bytes) -> list[str]:
    """Return lines alone without what the masks hide."""
    shown: list[str] = _masked_lines(masks, as_strings(lines), key)[0].to_pylist()
    return shown


def _masked_lines(
    masks: Sequence[Mask], lines: Any, key: bytes
) -> tuple[pa.Array, Bools]:
    plain = _plain(lines)
    shown = plain
    for mask in masks:
        shown = _apply(mask, shown, key)
    changed = _changed(plain, shown)
    if plain is lines:
        return shown, changed
    # A line in which nothing was found keeps the escapes that it came with.
    return pc.if_else(pa.array(changed), shown, lines), changed


def _plain(lines: Any) -> Any:
    """Return lines with JSON's escapes of ASCII as what they mean: \\u0040 is an @."""
    found = pc.match_substring(lines, _ESCAPE)
    if not pc.any(found).as_py():
        return lines
    some = lines.filter(found)
    for code in (c for c in range(0x20, 0x7F) if chr(c) not in '"\\'):
        for escape in {f"\\u{code:04x}", f"\\u{code:04X}"}:
            some = pc.replace_substring(some, escape, chr(code))
    return pc.replace_with_mask(lines, found, some)


def _masked_field(
    masks: Sequence[Mask], field: str, column: Any, key: bytes
) -> tuple[pa.Array, Bools]:
    """Every text that a field has is looked at once, however many lines have it."""
    if isinstance(column, pa.ChunkedArray):
        column = column.combine_chunks()
    encoded = pc.dictionary_encode(column)
    texts = encoded.dictionary
    shown = texts
    for mask in masks:
        names = PRESETS[mask.preset].names if mask.preset else None
        if names is not None and names.search(field):
            shown = _hidden(mask, shown, key)
        else:
            shown = _apply(mask, shown, key)
    changed = _changed(texts, shown)
    if not changed.any():
        return column, np.zeros(len(column), np.bool_)
    hit = pc.fill_null(pa.array(changed).take(encoded.indices), fill_value=False)
    return shown.take(encoded.indices), hit.to_numpy(zero_copy_only=False)


def _masked_streams(
    masks: Sequence[Mask], streams: Sequence[Labels], key: bytes
) -> tuple[Labels, ...]:
    return tuple(
        make_labels(
            (n, v if n in _OWN_LABELS else _masked_text(masks, v, key))
            for n, v in labels
        )
        for labels in streams
    )


def _masked_text(masks: Sequence[Mask], text: str, key: bytes) -> str:
    shown = pa.array([text], pa.large_string())
    for mask in masks:
        shown = _apply(mask, shown, key)
    result: str = shown[0].as_py()
    return result


def _changed(before: Any, after: Any) -> Bools:
    if before is after:
        return np.zeros(len(before), np.bool_)
    changed = pc.fill_null(pc.not_equal(before, after), fill_value=False)
    return np.asarray(changed.to_numpy(zero_copy_only=False))


# --- One mask --------------------------------------------------------------------------


def _apply(mask: Mask, texts: Any, key: bytes) -> Any:
    """Return the texts, the very same ones when nothing is to be hidden in any."""
    for part in _parts(mask):
        candidates = _candidates(part, texts)
        if candidates is None:
            continue
        some = texts if candidates is True else texts.filter(candidates)
        found = pc.match_substring_regex(some, part.pattern)
        if not pc.any(found).as_py():
            continue
        hit = _combined(candidates, found, len(texts))
        texts = pc.replace_with_mask(
            texts, hit, _replaced(mask, part, some.filter(found), key)
        )
    return texts


def _parts(mask: Mask) -> tuple[Part, ...]:
    return PRESETS[mask.preset].parts if mask.preset else (Part(mask.pattern),)


def _candidates(part: Part, texts: Any) -> Any:
    """Return the texts that may have such a secret; True for all, None for none."""
    if not part.hints or not len(texts):
        return True if len(texts) else None
    found = pc.match_substring(texts, part.hints[0])
    for hint in part.hints[1:]:
        found = pc.or_(found, pc.match_substring(texts, hint))
    found = pc.fill_null(found, fill_value=False)
    return found if pc.any(found).as_py() else None


def _combined(candidates: Any, found: Any, count: int) -> Any:
    found = pc.fill_null(found, fill_value=False)
    if candidates is True:
        return found
    hit = np.zeros(count, np.bool_)
    places = np.flatnonzero(candidates.to_numpy(zero_copy_only=False))
    hit[places] = found.to_numpy(zero_copy_only=False)
    return pa.array(hit)


def _replaced(mask: Mask, part: Part, texts: Any, key: bytes) -> Any:
    """Return texts that have a match, with what is put in the place of each."""
    if part.check is None and not mask.hashes:
        shown = mask.replacement if mask.pattern else f"[{mask.preset}]"
        rewrite = part.before + shown + part.after
        return pc.replace_substring_regex(texts, part.pattern, rewrite)
    mark = _mark(texts)
    rewrite = part.before + mark + part.value + mark + part.after
    marked = pc.replace_substring_regex(texts, part.pattern, rewrite)
    pieces = pc.split_pattern(marked, mark)
    offsets = pieces.offsets.to_numpy()
    flat = pieces.values.slice(offsets[0], offsets[-1] - offsets[0])
    within = np.arange(len(flat)) - np.repeat(
        offsets[:-1] - offsets[0], np.diff(offsets)
    )
    values = pa.array(within % 2 == 1)  # between two marks
    hidden = _hidden_values(mask, part, flat.filter(values), key)
    joined = pa.LargeListArray.from_arrays(
        pa.array(offsets - offsets[0], pa.int64()),
        pc.replace_with_mask(flat, values, hidden),
    )
    return pc.binary_join(joined, pa.scalar("", pa.large_string()))


def _mark(texts: Any) -> str:
    """Return a character that none of the texts has."""
    first = chr(_MARKS[0])
    found = pc.match_substring(texts, first)
    if not pc.any(found).as_py():
        return first
    used: set[str] = set().union(*texts.filter(found).to_pylist())
    others = texts.filter(pc.invert(found))
    beyond = others.filter(pc.match_substring_regex(others, _PRIVATE))
    used.update(*beyond.to_pylist())
    return next(mark for mark in map(chr, _MARKS) if mark not in used)


def _hidden_values(mask: Mask, part: Part, values: Any, key: bytes) -> Any:
    """Each different value is looked at once."""
    encoded = pc.dictionary_encode(values)
    shown = [_hide(mask, part, text, key) for text in encoded.dictionary.to_pylist()]
    return pa.array(shown, pa.large_string()).take(encoded.indices)


def _hide(mask: Mask, part: Part, text: str, key: bytes) -> str:
    if part.check is None:
        return _stand_in(mask, text, key) if text else text
    bounds = [0]
    for start, end in part.check(text):
        bounds += [start, end]
    pieces = [text[a:b] for a, b in pairwise([*bounds, len(text)])]
    return "".join(
        _stand_in(mask, piece, key) if i % 2 else piece
        for i, piece in enumerate(pieces)
    )


def _stand_in(mask: Mask, secret: str, key: bytes) -> str:
    name = mask.preset or "hash"
    if not mask.hashes:
        return f"[{name}]"
    digest = hashlib.blake2b(
        secret.encode("utf-8", "surrogatepass"), key=key, digest_size=_DIGEST_BYTES
    )
    return f"[{name}:{digest.hexdigest().translate(_LETTERS)}]"


def _hidden(mask: Mask, texts: Any, key: bytes) -> Any:
    """Return stand-ins for whole texts."""
    shown = [t if not t else _stand_in(mask, t, key) for t in texts.to_pylist()]
    return pa.array(shown, pa.large_string())
