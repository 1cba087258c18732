"""Lines of one stream on their way through the stages of a pipeline."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np
import pyarrow as pa

from monitoring.logql.columns import (
    TEXT,
    Bools,
    Column,
    Ints,
    coalesced,
    constant,
    filled,
    where,
)
from monitoring.telemetry import LEVEL_WORDS, LogChunk, TooMuchDataError

ERROR = "__error__"
ERROR_DETAILS = "__error_details__"
RESERVED = frozenset({ERROR, ERROR_DETAILS})

# The level that a line was stored with is a field of this name.
DETECTED_LEVEL = "detected_level"

# What stages may ask for and no store has.
NOT_STORED = frozenset({*RESERVED, DETECTED_LEVEL})

# What a parsed label is called when the stream has one of its name.
DUPLICATE_SUFFIX = "_extracted"

# Different labels that the lines of one chunk may come to.
MAX_NAMES = 2_000

_LEVELS = pa.array(LEVEL_WORDS, TEXT)
_NOT_A_NAME = re.compile(r"[^a-zA-Z0-9_]")


def label_name(text: str) -> str:
    """Return a key as a label's name; an empty one has none."""
    name = _NOT_A_NAME.sub("_", text)
    return f"_{name}" if name[:1].isdigit() else name


class Layer(Protocol):
    """What one stage knows about the lines.

    A `final` layer's null says that the label is gone; another one's leaves the
    answer to the layers below.
    """

    @property
    def final(self) -> bool: ...

    def names(self) -> Iterable[str]: ...

    def get(self, name: str) -> Column | None: ...

    def take(self, rows: Ints) -> Layer: ...


@dataclass(frozen=True, slots=True)
class Columns:
    """A layer whose columns are all there."""

    columns: Mapping[str, Column]
    final: bool = False

    def names(self) -> Iterable[str]:
        return self.columns

    def get(self, name: str) -> Column | None:
        return self.columns.get(name)

    def take(self, rows: Ints) -> Columns:
        taken = {name: each.take(pa.array(rows)) for name, each in self.columns.items()}
        return Columns(taken, self.final)


def _go_on() -> None:
    """Let the work go on: there is no deadline."""


@dataclass(frozen=True, slots=True)
class Lines:
    """Some lines of a chunk: `rows` are their places in it.

    `constants` are those labels of the stream that no stage has touched, `own` the
    names of all that it came with. `fields` are what was stored with the lines.
    """

    chunk: LogChunk
    rows: Ints
    text: Column
    own: frozenset[str]
    constants: Mapping[str, str]
    fields: Mapping[str, Column]
    layers: tuple[Layer, ...] = ()
    errors: Mapping[str, Column] = field(default_factory=dict)
    check: Callable[[], None] = _go_on

    @classmethod
    def of(
        cls,
        chunk: LogChunk,
        names: frozenset[str] | None = None,
        *,
        check: Callable[[], None] = _go_on,
    ) -> Lines:
        """Start with a whole chunk; of its fields only those in `names`, if given.

        `check` is called now and then; it ends the work by raising.
        """
        stored = dict(chunk.fields)
        if names is not None:
            stored = {name: stored[name] for name in stored if name in names}
        if names is None or DETECTED_LEVEL in names:
            stored[DETECTED_LEVEL] = _LEVELS.take(pa.array(chunk.levels))
        labels = dict(chunk.stream)
        return cls(
            chunk,
            np.arange(chunk.count),
            chunk.lines,
            frozenset(labels),
            labels,
            stored,
            check=check,
        )

    @property
    def count(self) -> int:
        return len(self.rows)

    @property
    def ts_ns(self) -> Ints:
        return self.chunk.ts_ns[self.rows]

    def where(self, kept: Bools) -> Lines:
        return self if kept.all() else self.take(np.flatnonzero(kept))

    def take(self, rows: Ints) -> Lines:
        index = pa.array(rows)
        return replace(
            self,
            rows=self.rows[rows],
            text=self.text.take(index),
            fields={name: each.take(index) for name, each in self.fields.items()},
            layers=tuple(layer.take(rows) for layer in self.layers),
            errors={name: each.take(index) for name, each in self.errors.items()},
        )

    def get(self, name: str) -> Column | None:
        """Return a label by its name, wherever it comes from; None: no line has it."""
        if name in RESERVED:
            return self.errors.get(name)
        found, final = self._parsed(name)
        if not final and name in self.constants:
            found.append(constant(self.constants[name], self.count))
        elif not final and name in self.fields:
            found.append(self.fields[name])
        return coalesced(found) if found else None

    def value(self, name: str) -> Column:
        """Return a label with the empty text where a line has none."""
        found = self.get(name)
        return constant("", self.count) if found is None else filled(found)

    def parsed(self, name: str) -> Column | None:
        """Return a label that stages have made, None if no line has it."""
        if name in RESERVED:
            return self.errors.get(name)
        found, _ = self._parsed(name)
        return coalesced(found) if found else None

    def _parsed(self, name: str) -> tuple[list[Column], bool]:
        found: list[Column] = []
        for layer in reversed(self.layers):
            each = layer.get(name)
            if each is not None:
                found.append(each)
                if layer.final:
                    return found, True
        return found, False

    def parsed_names(self) -> list[str]:
        """Return the names of what stages have made, in order.

        Raises TooMuchDataError.
        """
        names = {name for layer in self.layers for name in layer.names()}
        if len(names) > MAX_NAMES:
            raise TooMuchDataError(
                f"the lines of one stream have more than {MAX_NAMES:,} different "
                "labels after parsing: name those that are needed, or keep only them"
            )
        return sorted(names | self.errors.keys())

    def names(self) -> set[str]:
        """Return the names of all labels, wherever they come from."""
        return {*self.constants, *self.fields, *self.parsed_names()}

    def parsed_columns(self) -> Iterator[tuple[str, Column]]:
        for name in self.parsed_names():
            found = self.parsed(name)
            if found is not None and found.null_count < self.count:
                yield name, found

    def with_layer(self, layer: Layer) -> Lines:
        return replace(self, layers=(*self.layers, layer))

    def with_labels(self, columns: Mapping[str, Column]) -> Lines:
        """Set labels, whatever they were; null takes a label away."""
        gone = columns.keys()
        return replace(
            self,
            constants={n: v for n, v in self.constants.items() if n not in gone},
            fields={n: v for n, v in self.fields.items() if n not in gone},
            layers=(*self.layers, Columns(columns, final=True)),
        )

    def with_error(self, mask: Bools, kind: str, details: Sequence[str] | str) -> Lines:
        """Note an error on some lines; of two on a line the last one stays."""
        if not mask.any():
            return self
        errors = dict(self.errors)
        given = details if isinstance(details, str) else pa.array(details, TEXT)
        for name, value in ((ERROR, kind), (ERROR_DETAILS, given)):
            before = errors.get(name, constant(None, self.count))
            ours = pa.scalar(value, TEXT) if isinstance(value, str) else value
            errors[name] = where(mask, ours, before)
        return replace(self, errors=errors)

    @property
    def failed(self) -> Bools:
        """Return which lines carry an error."""
        if ERROR not in self.errors:
            return np.zeros(self.count, np.bool_)
        valid: Bools = self.errors[ERROR].is_valid().to_numpy(zero_copy_only=False)
        return valid

    def metadata(self) -> Iterator[tuple[str, Column]]:
        """Yield the stored fields that no parsed label stands for."""
        names = {name for layer in self.layers for name in layer.names()}
        for name, stored in sorted(self.fields.items()):
            if name in self.constants:
                continue
            hidden = self.parsed(name) if name in names else None
            if hidden is None:
                yield name, stored
            else:
                valid = hidden.is_valid().to_numpy(zero_copy_only=False)
                yield name, where(valid, pa.scalar(None, TEXT), stored)


def parsed_name(name: str, own: frozenset[str]) -> str:
    return name + DUPLICATE_SUFFIX if name in own else name


def key_of(name: str, own: frozenset[str]) -> str | None:
    """Return what a parser has found a label under; None: it cannot have it."""
    if name in own:
        return None
    stem = name.removesuffix(DUPLICATE_SUFFIX)
    return stem if stem in own else name
