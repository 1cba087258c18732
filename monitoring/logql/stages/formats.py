"""line_format and label_format: templates over columns."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from monitoring.logql.columns import (
    TEXT,
    Bools,
    Column,
    column,
    constant,
    filled,
    texts,
    without_empty,
)
from monitoring.logql.lines import Columns, Lines
from monitoring.logql.syntax import LabelAssignment
from monitoring.logql.templates import Template, TemplateError, parse_template

TEMPLATE_ERROR = "TemplateFormatErr"
LABEL_FORMAT_ERROR = TEMPLATE_ERROR

# Runs of a template between two looks at the deadline.
_ROWS_A_CHECK = 256

# The values of labels, and the line and its time where the template needs them.
Row = tuple[Any, ...]

# What makes the outcome of a template differ between lines with equal labels.
_OF_EACH_LINE = {"__line__", "__timestamp__", "now"}


@dataclass(frozen=True, slots=True)
class Formatted:
    """The texts, which mean nothing where there was an error, and the errors."""

    texts: Column
    bad: Bools
    complaints: list[str]


def names_in(template: str) -> set[str]:
    """Raises ValueError."""
    return set(parse_template(template).names)


def compile_line_format(text: str) -> Callable[[Lines], Lines]:
    """Raises ValueError."""
    template = _parsed(text, "line")

    def run(lines: Lines) -> Lines:
        found = _format(template, lines)
        kept = found.texts
        if found.bad.any():
            kept = pc.if_else(pa.array(found.bad), lines.text, kept)
        changed = replace(lines, text=kept)
        return changed.with_error(found.bad, TEMPLATE_ERROR, found.complaints)

    return run


def compile_label_format(
    assignments: Sequence[LabelAssignment],
) -> Callable[[Lines], Lines]:
    """Raises ValueError."""
    names = [each.name for each in assignments]
    for name in names:
        if names.count(name) > 1:
            raise ValueError(
                f"multiple label name '{name}' not allowed in a single format operation"
            )
        if name == "__error__":
            raise ValueError("__error__ cannot be formatted")
    steps = [_assignment(each) for each in assignments]

    def run(lines: Lines) -> Lines:
        for step in steps:
            lines = step(lines)
        return lines

    return run


def _assignment(each: LabelAssignment) -> Callable[[Lines], Lines]:
    if each.template is None:
        return lambda lines: _renamed(lines, each.source, each.name)
    template = _parsed(each.template, "label")

    def run(lines: Lines) -> Lines:
        found = _format(template, lines)
        before = lines.get(each.name)
        if before is None:
            before = constant(None, lines.count)
        made = without_empty(found.texts)
        if found.bad.any():
            made = pc.if_else(pa.array(found.bad), before, made)
        changed = lines.with_labels({each.name: made})
        return changed.with_error(found.bad, LABEL_FORMAT_ERROR, found.complaints)

    return run


def _renamed(lines: Lines, source: str, name: str) -> Lines:
    found = lines.get(source)
    if found is None or source == name:
        return lines
    moved = lines.with_labels({source: pa.nulls(lines.count, TEXT)})
    # A line without the one label keeps the other, and keeps it as what it is.
    if name in lines.constants:
        kept = constant(lines.constants[name], lines.count)
        return moved.with_labels({name: pc.coalesce(found, kept)})
    return moved.with_layer(Columns({name: without_empty(found)}))


def _parsed(text: str, kind: str) -> Template:
    try:
        return parse_template(text)
    except TemplateError as error:
        raise ValueError(
            f"invalid {kind} template: template: {kind}:1: {error}"
        ) from None


def _format(template: Template, lines: Lines) -> Formatted:
    plain = template.plain
    if plain is not None:
        none = np.zeros(lines.count, np.bool_)
        return Formatted(_joined(plain, lines), none, [])
    names = sorted(lines.names() if template.wants_all else template.names)
    columns = [texts(lines.value(name)) for name in names]
    if template.functions & _OF_EACH_LINE:
        columns += [texts(lines.text), lines.ts_ns.tolist()]
        return _run_rows(template, lines, names, list(zip(*columns, strict=True)))
    rows = list(zip(*columns, strict=True)) if columns else [()] * lines.count
    return _run_rows(template, lines, names, rows)


def _joined(parts: list[tuple[str, bool]], lines: Lines) -> Column:
    """Write texts and labels one behind the other, for all lines at once."""
    columns = []
    for text, is_label in parts:
        if is_label:
            columns.append(lines.value(text) if text else lines.text)
        else:
            columns.append(pa.scalar(text, TEXT))
    if not any(is_label for _, is_label in parts):
        return constant("".join(text for text, _ in parts), lines.count)
    return pc.binary_join_element_wise(*columns, pa.scalar("", TEXT))


def _run_rows(
    template: Template, lines: Lines, names: list[str], rows: list[Row]
) -> Formatted:
    """Run the template once for each different row."""
    outcomes: dict[Row, tuple[str, str]] = {}
    for number, row in enumerate(dict.fromkeys(rows)):
        if number % _ROWS_A_CHECK == 0:
            lines.check()
        labels = {n: v for n, v in zip(names, row, strict=False) if v}
        try:
            outcomes[row] = template.run(labels, *row[len(names) :]), ""
        except TemplateError as error:
            outcomes[row] = "", str(error) or "error"
    found = [outcomes[row] for row in rows]
    made = column([text for text, _ in found])
    complaints = [complaint for _, complaint in found]
    bad = np.array([bool(complaint) for complaint in complaints], np.bool_)
    return Formatted(filled(made), bad, complaints)
