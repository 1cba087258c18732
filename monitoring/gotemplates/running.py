"""Fills a template in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from monitoring.gotemplates.functions import Function
from monitoring.gotemplates.nodes import (
    Block,
    Call,
    Field,
    If,
    Literal,
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
from monitoring.gotemplates.values import NumberFormat, TemplateError, text_of
from monitoring.promql.numbers import general


class TooMuchError(TemplateError):
    """The template does, or writes, more than one may."""


@dataclass
class Run:
    """One filling in of one template; what `$` is stands in `variables` as ""."""

    functions: Mapping[str, Function]
    variables: dict[str, Any]
    # What it may do: values looked up and rounds made, characters written.
    most_steps: int
    most_text: int
    number: NumberFormat = general
    written: list[str] = field(default_factory=list)
    size: int = 0
    steps: int = 0
    # What was declared in the innermost block.
    declared: set[str] = field(default_factory=set)

    def missing(self, name: str) -> Function:
        """Return a function that `functions` lacks. Raises TemplateError."""
        raise TemplateError(f'function "{name}" not defined')

    def field_of(self, value: Any, name: str) -> Any:
        """Return what `.name` of a value is. Raises TemplateError."""
        if isinstance(value, Mapping):
            return value.get(name)
        raise TemplateError(f"can't evaluate field {name}")

    def nodes(self, nodes: tuple[Node, ...], dot: Any) -> None:
        """Write the nodes. Raises TemplateError, and what functions' values raise."""
        for node in nodes:
            self.node(node, dot)

    def node(self, node: Node, dot: Any) -> None:
        match node:
            case Text(text):
                self.write(text)
            case Output(pipe):
                value = self._pipe(pipe, dot)
                if pipe.variable is None:
                    self.write(text_of(value, self.number))
            case _:
                self._scoped(node, dot)

    def write(self, text: str) -> None:
        self.size += len(text)
        if self.size > self.most_text:
            raise TooMuchError("the template makes too much text")
        self.written.append(text)

    def _scoped(self, block: Block, dot: Any) -> None:
        """What is declared in a block ends with it; what is assigned there stays."""
        outer, declared = self.variables, self.declared
        self.variables, self.declared = dict(outer), set()
        try:
            self._block(block, dot)
        finally:
            for name in outer:
                if name not in self.declared:
                    outer[name] = self.variables[name]
            self.variables, self.declared = outer, declared

    def _block(self, block: Block, dot: Any) -> None:
        match block:
            case If(pipe, body, otherwise):
                self.nodes(body if self._pipe(pipe, dot) else otherwise, dot)
            case With(pipe, body, otherwise):
                value = self._pipe(pipe, dot)
                self.nodes(body if value else otherwise, value or dot)
            case Range():
                self._range(block, dot)

    def _range(self, node: Range, dot: Any) -> None:
        pipe = node.pipe
        empty = True
        for key, value in self._items(pipe, dot):
            empty = False
            self.steps += 1
            if self.steps > self.most_steps:
                raise self._too_many_steps()
            if pipe.variable is not None:
                self._assign(pipe, pipe.variable, value)
            if pipe.index is not None:
                self._assign(pipe, pipe.index, key)
            self.nodes(node.body, value)
        if empty:
            self.nodes(node.otherwise, dot)

    def _items(self, pipe: Pipe, dot: Any) -> Iterator[tuple[Any, Any]]:
        value = self._pipe(Pipe(pipe.commands), dot)
        if isinstance(value, Mapping):
            yield from sorted(value.items())
        elif isinstance(value, list):
            yield from enumerate(value)
        elif isinstance(value, int) and not isinstance(value, bool):
            yield from ((n, n) for n in range(value))
        elif value:
            raise TemplateError(f"range can't iterate over {text_of(value)[:40]}")

    def _too_many_steps(self) -> TooMuchError:
        return TooMuchError(f"the template takes more than {self.most_steps:,} steps")

    def _pipe(self, pipe: Pipe, dot: Any) -> Any:
        value: Any = None
        for place, command in enumerate(pipe.commands):
            if place and isinstance(command, Call):
                value = self._call(command, dot, (value,))
            else:
                value = self._operand(command, dot)
        if pipe.variable is not None:
            self._assign(pipe, pipe.variable, value)
        return value

    def _assign(self, pipe: Pipe, name: str, value: Any) -> None:
        if pipe.declares:
            self.declared.add(name)
        elif name not in self.variables:
            raise TemplateError(f"undefined variable: ${name}")
        self.variables[name] = value

    def _operand(self, operand: Operand, dot: Any) -> Any:
        self.steps += 1
        if self.steps > self.most_steps:
            raise self._too_many_steps()
        match operand:
            case Literal(value):
                return value
            case Field(names):
                for name in names:
                    dot = self.field_of(dot, name)
                return dot
            case Variable(name, names):
                if name not in self.variables:
                    raise TemplateError(f"undefined variable: ${name}")
                return self._walk(self.variables[name], names)
            case Walk(inside, names):
                return self._walk(self._operand(inside, dot), names)
            case Call():
                return self._call(operand, dot, ())
            case Pipe():
                return self._pipe(operand, dot)

    def _walk(self, value: Any, names: tuple[str, ...]) -> Any:
        for name in names:
            value = self.field_of(value, name)
        return value

    def _call(self, call: Call, dot: Any, more: tuple[Any, ...]) -> Any:
        function = self.functions.get(call.function) or self.missing(call.function)
        arguments = [self._operand(each, dot) for each in call.arguments]
        try:
            return function(*arguments, *more)
        except (ValueError, ArithmeticError) as error:
            raise TemplateError(f"error calling {call.function}: {error}") from None
        except (TypeError, AttributeError):
            raise TemplateError(
                f"error calling {call.function}: wrong number or type of arguments"
            ) from None
