"""Queries written again: in one line, or laid out as Loki does where that is long."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from monitoring.gotemplates.literals import quote
from monitoring.labels import Matcher
from monitoring.logql.literals import format_duration_ns
from monitoring.logql.pipeline import parse
from monitoring.logql.syntax import (
    Both,
    Condition,
    Decolorize,
    Drop,
    Either,
    Expr,
    IpCondition,
    JsonParser,
    Keep,
    LabelAssignment,
    LabelChoice,
    LabelFilter,
    LabelFormat,
    LineFilter,
    LineFormat,
    LineTerm,
    LogfmtParser,
    LogQuery,
    NumberCondition,
    PatternParser,
    RangeAggregation,
    RegexpParser,
    Stage,
    TextCondition,
    Unpack,
    Unwrap,
)
from monitoring.promql import syntax as promql
from monitoring.promql.arithmetic import DIVIDE_OR_NAN
from monitoring.promql.numbers import plain
from monitoring.promql.syntax import Cardinality, Matching

# What is longer is spread over several lines.
_LINE = 100
_INDENT = "  "


def format_query(text: str) -> str:
    """Return the query in Loki's layout. Raises LogQLError as `parse` does."""
    return _pretty(parse(text), 0)


def write(expr: Expr) -> str:
    """Return an expression in one line, which parses to the same tree."""
    return _WRITERS[type(expr)](expr)


def _log(query: LogQuery) -> str:
    return " ".join([selector(query), *map(_stage, query.stages)])


def selector(query: LogQuery) -> str:
    return "{" + ", ".join(map(_matcher, query.matchers)) + "}"


def _matcher(matcher: Matcher) -> str:
    return f"{matcher.name}{matcher.op}{quote(matcher.value)}"


def _window(node: RangeAggregation) -> str:
    offset = f" offset {format_duration_ns(node.offset_ns)}" if node.offset_ns else ""
    return f"[{format_duration_ns(node.range_ns)}]{offset}"


def _range(node: RangeAggregation) -> str:
    param = "" if node.param is None else f"{plain(node.param)}, "
    inside = f"{_log(node.query)} {_window(node)}".replace("} [", "}[", 1)
    return f"{node.op}({param}{inside}){_after(node)}"


def _after(node: RangeAggregation) -> str:
    if node.grouping is None:
        return ""
    word = "without" if node.grouping.without else "by"
    return f" {word} ({', '.join(node.grouping.labels)})"


def _head(node: promql.Aggregation) -> str:
    if node.without:
        return f"{node.op} without ({', '.join(node.labels)}) "
    return f"{node.op} by ({', '.join(node.labels)}) " if node.labels else node.op


def _parameter(node: promql.Aggregation) -> str:
    return "" if node.param is None else f"{write(node.param)}, "


def _operator(node: promql.Binary) -> str:
    op = "/" if node.op == DIVIDE_OR_NAN else node.op
    words = [op, "bool"] if node.return_bool else [op]
    matching = node.matching
    if matching != Matching():
        word = "on" if matching.on else "ignoring"
        words.append(f"{word} ({', '.join(matching.labels)})")
    if matching.cardinality is not Cardinality.ONE_TO_ONE:
        many = matching.cardinality is Cardinality.MANY_TO_ONE
        side = "group_left" if many else "group_right"
        words.append(f"{side} ({', '.join(matching.include)})")
    return " ".join(words)


def _stage(stage: Stage) -> str:
    if isinstance(stage, LineFilter):
        return f"{stage.op} {' or '.join(map(_term, stage.terms))}"
    return f"| {_after_pipe(stage)}"


def _after_pipe(stage: Stage) -> str:
    match stage:
        case LabelFilter(condition):
            return _condition(condition)
        case LineFormat(template):
            return f"line_format {quote(template)}"
        case LabelFormat(assignments):
            return f"label_format {', '.join(map(_assignment, assignments))}"
        case Drop(choices) | Keep(choices):
            word = "drop" if isinstance(stage, Drop) else "keep"
            return f"{word} {', '.join(map(_choice, choices))}"
        case parser:
            return _parser(parser)


def _unwrap(stage: Unwrap) -> str:
    name = f"{stage.conversion}({stage.name})" if stage.conversion else stage.name
    return f"unwrap {name}"


def _parser(stage: Stage) -> str:
    match stage:
        case RegexpParser(expression):
            return f"regexp {quote(expression)}"
        case PatternParser(pattern):
            return f"pattern {quote(pattern)}"
        case Unwrap():
            return _unwrap(stage)
        case Unpack() | Decolorize():
            return type(stage).__name__.lower()
        case Decolorize():
            return "decolorize"
        case JsonParser() | LogfmtParser():
            named = ", ".join(f"{e.name}={quote(e.path)}" for e in stage.extractions)
            flags = [_flags(stage), named]
            word = "json" if isinstance(stage, JsonParser) else "logfmt"
            return " ".join([word, *filter(None, flags)])
    raise AssertionError("all other stages are written elsewhere")


def _flags(stage: JsonParser | LogfmtParser) -> str:
    if isinstance(stage, JsonParser):
        return ""
    strict = ["--strict"] if stage.strict else []
    return " ".join([*strict, *(["--keep-empty"] if stage.keep_empty else [])])


def _term(term: LineTerm) -> str:
    return f"ip({quote(term.text)})" if term.is_ip else quote(term.text)


def _assignment(each: LabelAssignment) -> str:
    value = each.source if each.template is None else quote(each.template)
    return f"{each.name}={value}"


def _choice(choice: LabelChoice) -> str:
    return choice.name if choice.matcher is None else _matcher(choice.matcher)


def _condition(condition: Condition) -> str:
    match condition:
        case TextCondition(matcher):
            return _matcher(matcher)
        case IpCondition(name, op, addresses):
            return f"{name}{op}ip({quote(addresses)})"
        case NumberCondition(name, op, _, _, text):
            return f"{name}{op}{text}"
        case Both(left, right):
            return f"{_condition(left)} and {_operand(right)}"
        case Either(left, right):
            return f"{_condition(left)} or {_operand(right)}"


def _operand(condition: Condition) -> str:
    text = _condition(condition)
    return f"({text})" if isinstance(condition, Both | Either) else text


def _pretty(expr: Expr, depth: int) -> str:
    pad = _INDENT * depth
    text = write(expr)
    if len(pad) + len(text) <= _LINE:
        return pad + text
    match expr:
        case LogQuery():
            stages = [f"{pad}{_INDENT}{_stage(stage)}" for stage in expr.stages]
            return "\n".join([pad + selector(expr), *stages])
        case RangeAggregation():
            return _pretty_range(expr, depth)
        case promql.Binary():
            left, right = _pretty(expr.left, depth + 1), _pretty(expr.right, depth + 1)
            return f"{left}\n{pad}{_operator(expr)}\n{right}"
    head, inner = _parts(expr)
    inside = ",\n".join(_pretty(each, depth + 1) for each in inner)
    return f"{pad}{head}(\n{inside}\n{pad})" if inner else pad + text


def _parts(expr: Expr) -> tuple[str, list[Expr]]:
    """Return what stands before the parentheses, and what stands inside."""
    match expr:
        case promql.Paren(inner):
            return "", [inner]
        case promql.Aggregation():
            param = [] if expr.param is None else [expr.param]
            return _head(expr).rstrip(), [*param, expr.expr]
        case promql.Call(name, args):
            return name, list(args)
        case _:
            return "", []


def _pretty_range(node: RangeAggregation, depth: int) -> str:
    pad, inner = _INDENT * depth, _INDENT * (depth + 1)
    param = "" if node.param is None else f"{inner}{plain(node.param)},\n"
    stages = [f"{inner}{_INDENT}{_stage(stage)}" for stage in node.query.stages]
    inside = "\n".join([inner + selector(node.query), *stages])
    return f"{pad}{node.op}(\n{param}{inside} {_window(node)}\n{pad}){_after(node)}"


_WRITERS: dict[type, Callable[[Any], str]] = {
    LogQuery: _log,
    RangeAggregation: _range,
    promql.Aggregation: lambda n: f"{_head(n)}({_parameter(n)}{write(n.expr)})",
    promql.Binary: lambda n: f"{write(n.left)} {_operator(n)} {write(n.right)}",
    promql.Call: lambda n: f"{n.name}({', '.join(map(write, n.args))})",
    promql.Negation: lambda n: f"-{write(n.expr)}",
    promql.Number: lambda n: plain(n.value),
    promql.Paren: lambda n: f"({write(n.expr)})",
    promql.String: lambda n: quote(n.value),
}
