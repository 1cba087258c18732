"""Filling a template in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from alerts.evaluation.templates.functions import (
    FUNCTIONS,
    Context,
    NumberFormat,
    Query,
    Sample,
    text_of,
    truth,
)
from alerts.evaluation.templates.syntax import (
    Action,
    Block,
    Chain,
    Dot,
    Function,
    Literal,
    Node,
    Operand,
    Pipeline,
    TemplateError,
    Variable,
)

# What one template may do: actions run and characters written.
_MOST_STEPS = 5000
_MOST_TEXT = 20_000


@dataclass(frozen=True, slots=True)
class Data:
    """What `.` is at first."""

    labels: dict[str, str]
    value: float | None
    external_url: str = ""

    def variables(self) -> dict[str, Any]:
        value = float("nan") if self.value is None else self.value
        return {
            "$": self,
            "$labels": self.labels,
            "$value": value,
            "$externalLabels": {},
            "$externalURL": self.external_url,
        }


@dataclass(slots=True)
class Execution:
    data: Data
    number: NumberFormat
    query: Query | None
    steps: int = 0
    out: list[str] = field(default_factory=list)

    def run(self, nodes: Sequence[Node]) -> str:
        try:
            self._run(nodes, self.data, self.data.variables())
        except (RecursionError, _TooMuchError):
            self.out.append("…")
        return "".join(self.out)

    def _run(self, nodes: Sequence[Node], dot: Any, names: dict[str, Any]) -> None:
        for node in nodes:
            self.steps += 1
            if self.steps > _MOST_STEPS:
                raise _TooMuchError
            match node:
                case str():
                    self.out.append(node)
                case Action():
                    self._act(node, dot, names)
                case Block():
                    self._block(node, dot, names)
            if self.steps % 64 == 0 and sum(map(len, self.out)) > _MOST_TEXT:
                raise _TooMuchError

    def _act(self, node: Action, dot: Any, names: dict[str, Any]) -> None:
        try:
            value = self._pipeline(node.pipeline, dot, names)
            if node.pipeline.variables:
                names[node.pipeline.variables[-1]] = value
            else:
                self.out.append(text_of(value, self.number))
        except TemplateError:
            self.out.append(node.source)

    def _block(self, block: Block, dot: Any, names: dict[str, Any]) -> None:
        try:
            value = self._pipeline(block.pipeline, dot, names)
        except TemplateError:
            self.out.append(block.source)
            return
        # What is declared inside is gone outside; what is assigned stays, in Go.
        inner = dict(names)
        for name in block.pipeline.variables[-1:]:
            inner[name] = value
        if not truth(value):
            self._run(block.otherwise, dot, inner)
        elif block.word == "range":
            self._range(block, value, inner)
        else:
            self._run(block.body, value if block.word == "with" else dot, inner)

    def _range(self, block: Block, value: Any, names: dict[str, Any]) -> None:
        pairs = value.items() if isinstance(value, dict) else enumerate(value)
        variables = block.pipeline.variables
        for key, item in pairs:
            if variables:
                names[variables[-1]] = item
            if len(variables) > 1:
                names[variables[0]] = key
            self._run(block.body, item, names)

    def _pipeline(self, pipeline: Pipeline, dot: Any, names: dict[str, Any]) -> Any:
        value: Any = None
        for place, command in enumerate(pipeline.commands):
            piped = [value] if place else []
            value = self._command(command, piped, dot, names)
        return value

    def _command(
        self,
        command: Sequence[Operand],
        piped: list[Any],
        dot: Any,
        names: dict[str, Any],
    ) -> Any:
        first, *rest = command
        if isinstance(first, Function):
            function = FUNCTIONS.get(first.name)
            if function is None:
                raise TemplateError(f"function “{first.name}” not defined")
            arguments = [self._operand(each, dot, names) for each in rest] + piped
            context = Context(self.number, self.query, self.data.external_url)
            return function(context, arguments)
        if rest or piped:
            raise TemplateError("a value is no function")
        return self._operand(first, dot, names)

    def _operand(self, operand: Operand, dot: Any, names: dict[str, Any]) -> Any:
        match operand:
            case Literal(value):
                return value
            case Dot():
                return dot
            case Variable(name):
                if name not in names:
                    raise TemplateError(f"undefined variable “{name}”")
                return names[name]
            case Chain(base, fields):
                value = self._operand(base, dot, names)
                for each in fields:
                    value = _field(value, each)
                return value
            case Pipeline():
                return self._pipeline(operand, dot, names)
            case Function():
                return self._command([operand], [], dot, names)
        raise AssertionError("the parser makes no other operands")


class _TooMuchError(Exception):
    """The template writes, or does, more than one may."""


def _field(value: Any, name: str) -> Any:
    if isinstance(value, dict):
        return value.get(name, "")
    known = {
        Data: {
            "Labels": "labels",
            "Value": "value",
            "ExternalURL": "external_url",
        },
        Sample: {"Labels": "labels", "Value": "value"},
    }.get(type(value), {})
    if name in known:
        return getattr(value, known[name])
    if isinstance(value, Data) and name == "ExternalLabels":
        return {}
    raise TemplateError(f"no field {name}")
