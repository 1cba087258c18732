"""Runs a template on one line at a time, or on whole columns where it is plain."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from monitoring.logql.templates.functions import FUNCTIONS
from monitoring.logql.templates.moments import Moment
from monitoring.logql.templates.nodes import (
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
from monitoring.logql.templates.values import (
    TemplateError,
    bounded,
    is_true,
    text_of,
)

# Values that are looked up or calculated for one line.
MAX_STEPS = 20_000


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
        run = _Run(labels, line, ts_ns, {"": labels})
        try:
            run.nodes(self.nodes, labels)
            # Half of a surrogate pair is no text that could be answered with.
            "".join(run.written).encode()
        except TemplateError:
            raise
        except (TypeError, ValueError, ArithmeticError, RecursionError) as error:
            raise TemplateError(str(error)) from None
        return bounded("".join(run.written))


@dataclass(slots=True)
class _Run:
    labels: Mapping[str, str]
    line: str
    ts_ns: int
    variables: dict[str, Any]
    written: list[str] = field(default_factory=list)
    size: int = 0
    steps: int = 0

    def nodes(self, nodes: tuple[Node, ...], dot: Any) -> None:
        # What is declared in a block ends with it.
        outer = self.variables
        self.variables = dict(outer)
        for node in nodes:
            self._node(node, dot)
        for name in outer:
            outer[name] = self.variables[name]
        self.variables = outer

    def _write(self, text: str) -> None:
        self.size += len(text)
        if self.size > 1 << 22:
            raise TemplateError("the template makes too much text")
        self.written.append(text)

    def _node(self, node: Node, dot: Any) -> None:
        match node:
            case Text(text):
                self._write(text)
            case Output(pipe):
                value = self.pipe(pipe, dot)
                if pipe.variable is None:
                    self._write(text_of(value))
            case If(pipe, body, otherwise):
                chosen = body if is_true(self._held(pipe, dot)) else otherwise
                self.nodes(chosen, dot)
            case With(pipe, body, otherwise):
                value = self._held(pipe, dot)
                inside = is_true(value)
                self.nodes(body if inside else otherwise, value if inside else dot)
            case Range():
                self._range(node, dot)

    def _held(self, pipe: Pipe, dot: Any) -> Any:
        return self.pipe(pipe, dot)

    def _range(self, node: Range, dot: Any) -> None:
        pipe = node.pipe
        items = list(_items(self.pipe(Pipe(pipe.commands), dot)))
        for key, value in items:
            if pipe.variable is not None:
                self.variables[pipe.variable] = value
            if pipe.index is not None:
                self.variables[pipe.index] = key
            self.nodes(node.body, value)
        if not items:
            self.nodes(node.otherwise, dot)

    def pipe(self, pipe: Pipe, dot: Any) -> Any:
        value: Any = None
        for place, command in enumerate(pipe.commands):
            if place and isinstance(command, Call):
                value = self._call(command, dot, (value,))
            else:
                value = self._operand(command, dot)
        if pipe.variable is not None:
            if not pipe.declares and pipe.variable not in self.variables:
                raise TemplateError(f"undefined variable: ${pipe.variable}")
            self.variables[pipe.variable] = value
        return value

    def _operand(self, operand: Operand, dot: Any) -> Any:
        self.steps += 1
        if self.steps > MAX_STEPS:
            raise TemplateError(f"the template takes more than {MAX_STEPS:,} steps")
        match operand:
            case Literal(value):
                return value
            case Field(names):
                return self._walk(dot, names)
            case Variable(name, names):
                if name not in self.variables:
                    raise TemplateError(f"undefined variable: ${name}")
                return self._walk(self.variables[name], names)
            case Walk(inside, names):
                return self._walk(self._operand(inside, dot), names)
            case Call():
                return self._call(operand, dot, ())
            case Pipe():
                return self.pipe(operand, dot)

    def _walk(self, value: Any, names: tuple[str, ...]) -> Any:
        for name in names:
            if value is self.labels:
                value = self.labels.get(name, "")
            elif isinstance(value, Mapping):
                value = value.get(name)
            else:
                raise TemplateError(f"can't evaluate field {name}")
        return value

    def _call(self, call: Call, dot: Any, more: tuple[Any, ...]) -> Any:
        if call.function == "__line__":
            return self.line
        if call.function == "__timestamp__":
            return Moment(self.ts_ns)
        arguments = [self._operand(each, dot) for each in call.arguments]
        function: Callable[..., Any] = FUNCTIONS[call.function]
        try:
            return function(*arguments, *more)
        except (ValueError, ArithmeticError) as error:
            raise TemplateError(f"error calling {call.function}: {error}") from None
        except (TypeError, AttributeError):
            raise TemplateError(
                f"error calling {call.function}: wrong number or type of arguments"
            ) from None


def _items(value: Any) -> Iterator[tuple[Any, Any]]:
    if isinstance(value, Mapping):
        yield from sorted(value.items())
    elif isinstance(value, list):
        yield from enumerate(value)
    elif isinstance(value, int) and not isinstance(value, bool):
        yield from ((n, n) for n in range(min(value, MAX_STEPS)))
    elif is_true(value):
        raise TemplateError(f"range can't iterate over {text_of(value)[:40]}")


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
