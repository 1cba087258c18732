"""The syntax tree of a template; `source` is how an action was written."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Literal:
    value: Any


@dataclass(frozen=True, slots=True)
class Field:
    """`.a.b` of the dot; without names it is the dot itself."""

    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Variable:
    """`$x.a`; the name of `$` is empty, and it is what the template began with."""

    name: str
    names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Walk:
    """`(f x).a.b`: names that are looked up in what parentheses come to."""

    inside: Operand
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Call:
    """A function, its arguments; a pipeline adds what came before as the last."""

    function: str
    arguments: tuple[Operand, ...]


@dataclass(frozen=True, slots=True)
class Pipe:
    """Commands that hand their values on; `variable` takes the last one."""

    commands: tuple[Operand, ...]
    variable: str | None = None
    declares: bool = False
    index: str | None = None


Operand = Literal | Field | Variable | Walk | Call | Pipe


@dataclass(frozen=True, slots=True)
class Text:
    text: str


@dataclass(frozen=True, slots=True)
class Output:
    pipe: Pipe
    source: str


@dataclass(frozen=True, slots=True)
class Block:
    """What stands between an action and its end; `otherwise` is behind its else."""

    pipe: Pipe
    body: tuple[Node, ...]
    otherwise: tuple[Node, ...]
    source: str


class If(Block):
    __slots__ = ()


class With(Block):
    __slots__ = ()


class Range(Block):
    __slots__ = ()


Node = Text | Output | Block
