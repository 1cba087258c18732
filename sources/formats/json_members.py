"""The members of JSON objects as columns, and how those of pieces become one."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from sources.formats.spans import Bools, Ints


@dataclass(frozen=True, slots=True)
class Members:
    """The members of the objects, in order; `names[codes[i]]` is the path of one.

    `starts:ends` is the value (a string without its quotes), `raw_starts:raw_ends` the
    value as JSON. `escaped` marks strings that hold escape sequences.
    """

    rows: Ints
    codes: Ints
    names: list[str]
    starts: Ints
    ends: Ints
    raw_starts: Ints
    raw_ends: Ints
    escaped: Bools


def placed(members: Members, row: int, place: int, codes: dict[str, int]) -> Members:
    """Return the members of a piece, counted from the start of the whole text."""
    renumbered = [codes.setdefault(name, len(codes)) for name in members.names]
    return replace(
        members,
        rows=members.rows + row,
        codes=np.array(renumbered, np.int64)[members.codes],
        starts=members.starts + place,
        ends=members.ends + place,
        raw_starts=members.raw_starts + place,
        raw_ends=members.raw_ends + place,
    )


def joined(pieces: list[Members], names: list[str]) -> Members:
    """Return the members of all pieces; their codes count in `names`."""

    def column(name: str) -> Any:
        return np.concatenate(
            [np.empty(0, np.int64), *(getattr(p, name) for p in pieces)]
        )

    return Members(
        rows=column("rows"),
        codes=column("codes"),
        names=names,
        starts=column("starts"),
        ends=column("ends"),
        raw_starts=column("raw_starts"),
        raw_ends=column("raw_ends"),
        escaped=column("escaped").astype(np.bool_),
    )
