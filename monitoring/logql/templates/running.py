"""Runs a template on one line at a time, or on whole columns where it is plain."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from typing_extensions import override

from monitoring.gotemplates import Function, Run, TemplateError, parse
from monitoring.gotemplates.nodes import (
    Call,
    Field,
    If,
    Node,
    Operand,
    Output,
    Pipe,
    Range,
    Text,
    Variable,
    Walk,
    With,
)
from monitoring.gotemplates.values import MAX_TEXT
from monitoring.logql.templates.functions import FUNCTIONS
from monitoring.logql.templates.moments import Moment

# Values that are looked up, and rounds that are made, for one line.
MAX_STEPS = 20_000

# Functions that need the line, and are no part of the others therefore.
_OF_THE_LINE = frozenset({"__line__", "__timestamp__"})
_KNOWN = _OF_THE_LINE | FUNCTIONS.keys()


@dataclass(frozen=True, slots=True)
class Template:
    nodes: tuple[Node, ...]

    @property
    def names(self) -> frozenset[str]:
        """The labels that the template asks for."""
        return frozenset(_names(self.nodes))

    @property
    def wants_all(self) -> bool:
        """Whether the template asks for the labels as a whole."""
        whole = (Field(()), Variable(""))
        return any(operand in whole for operand in _operands(self.nodes))

    @property
    def functions(self) -> frozenset[str]:
        return frozenset(_functions(self.nodes))

    @property
    def plain(self) -> list[tuple[str, bool]] | None:
        """Texts and labels' names (True) in turn, if there is nothing else to it."""
        parts: list[tuple[str, bool]] = []
        for node in self.nodes:
            match node:
                case Text(text):
                    parts.append((text, False))
                case Output(Pipe((Field((name,)),), None)):
                    parts.append((name, True))
                case Output(Pipe((Call("__line__", ()),), None)):
                    parts.append(("", True))
                case _:
                    return None
        return parts

    def run(self, labels: Mapping[str, str], line: str = "", ts_ns: int = 0) -> str:
        """Raises TemplateError."""
        run = _LineRun(labels, line, ts_ns)
        try:
            run.nodes(self.nodes, labels)
            # Half of a surrogate pair is no text that could be answered with.
            "".join(run.written).encode()
        except TemplateError:
            raise
        except (TypeError, ValueError, ArithmeticError, RecursionError) as error:
            raise TemplateError(str(error)) from None
        return "".join(run.written)


@lru_cache(maxsize=256)
def parse_template(text: str) -> Template:
    """Raises TemplateError."""
    return Template(parse(text, _KNOWN))


class _LineRun(Run):
    def __init__(self, labels: Mapping[str, str], line: str, ts_ns: int) -> None:
        super().__init__(FUNCTIONS, {"": labels}, MAX_STEPS, MAX_TEXT)
        self.labels = labels
        self.line = line
        self.ts_ns = ts_ns

    @override
    def missing(self, name: str) -> Function:
        if name == "__line__":
            return lambda: self.line
        if name == "__timestamp__":
            return lambda: Moment(self.ts_ns)
        return super().missing(name)

    @override
    def field_of(self, value: Any, name: str) -> Any:
        # A label that a line lacks is an empty text.
        if value is self.labels:
            return self.labels.get(name, "")
        return super().field_of(value, name)


def _operands(nodes: tuple[Node, ...]) -> Iterator[Operand]:
    for node in nodes:
        match node:
            case Output(pipe):
                yield from _inside(pipe)
            case (
                If(pipe, body, other)
                | With(pipe, body, other)
                | Range(pipe, body, other)
            ):
                yield from _inside(pipe)
                yield from _operands(body)
                yield from _operands(other)
            case Text():
                pass


def _inside(operand: Operand) -> Iterator[Operand]:
    yield operand
    match operand:
        case Walk(inside, _):
            yield from _inside(inside)
        case Pipe(commands):
            for command in commands:
                yield from _inside(command)
        case Call(_, arguments):
            for argument in arguments:
                yield from _inside(argument)


def _names(nodes: tuple[Node, ...]) -> Iterator[str]:
    for operand in _operands(nodes):
        match operand:
            case Field((name, *_)) | Variable("", (name, *_)):
                yield name


def _functions(nodes: tuple[Node, ...]) -> Iterator[str]:
    for operand in _operands(nodes):
        if isinstance(operand, Call):
            yield operand.function
