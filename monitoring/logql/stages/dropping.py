"""drop, keep and decolorize."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from monitoring.logql.columns import TEXT, Bools, Column, where
from monitoring.logql.expressions import matching
from monitoring.logql.lines import ERROR, RESERVED, Columns, Lines
from monitoring.logql.syntax import LabelChoice

_COLORS = r"\x1b\[[0-9;]*[a-zA-Z]"


def decolorize(lines: Lines) -> Lines:
    return replace(lines, text=pc.replace_substring_regex(lines.text, _COLORS, ""))


def compile_drop(choices: Sequence[LabelChoice]) -> Callable[[Lines], Lines]:
    def run(lines: Lines) -> Lines:
        for choice in choices:
            lines = _drop(lines, choice)
        return lines

    return run


def _drop(lines: Lines, choice: LabelChoice) -> Lines:
    found = lines.get(choice.name)
    if found is None:
        return lines
    gone = _chosen(lines, choice)
    remaining = where(gone, pa.scalar(None, TEXT), found)
    if choice.name in RESERVED:
        # Without its name an error is none: its details would stand alone.
        names = RESERVED if choice.name == ERROR and gone.all() else {choice.name}
        kept = {n: c for n, c in lines.errors.items() if n not in names}
        if not gone.all():
            kept[choice.name] = remaining
        return replace(lines, errors=kept)
    if choice.name in lines.constants and not gone.any():
        return lines
    return lines.with_labels({choice.name: remaining})


def _chosen(lines: Lines, choice: LabelChoice) -> Bools:
    if choice.matcher is None:
        return np.ones(lines.count, np.bool_)
    return matching(choice.matcher, lines.value(choice.name))


def compile_keep(choices: Sequence[LabelChoice]) -> Callable[[Lines], Lines]:
    def run(lines: Lines) -> Lines:
        wanted: dict[str, Bools] = {}
        for choice in choices:
            chosen = _chosen(lines, choice)
            wanted[choice.name] = wanted.get(choice.name, chosen) | chosen
        constants, parsed = {}, {}
        for name, chosen in wanted.items():
            if name in lines.constants and chosen.all():
                constants[name] = lines.constants[name]
            elif name not in RESERVED and (found := lines.parsed(name)) is not None:
                parsed[name] = _only(chosen, found)
        fields = {
            name: _only(wanted[name], stored)
            for name, stored in lines.fields.items()
            if name in wanted
        }
        return replace(
            lines,
            constants=constants,
            fields=fields,
            layers=(Columns(parsed),),
        )

    return run


def _only(chosen: Bools, column: Column) -> Column:
    return where(chosen, column, pa.scalar(None, TEXT))
