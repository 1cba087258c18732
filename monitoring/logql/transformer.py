"""Makes the syntax tree while the grammar is read: one method per rule."""

from __future__ import annotations

from typing import Any

import lark
from lark import Token

from monitoring.gotemplates.literals import unquote
from monitoring.labels import InvalidMatcherError, Matcher, MatchOp
from monitoring.logql.errors import LogQLSyntaxError
from monitoring.logql.expressions import checked
from monitoring.logql.literals import duration_ns, size_bytes
from monitoring.logql.syntax import (
    Both,
    Condition,
    Decolorize,
    Drop,
    Either,
    Expr,
    Extraction,
    Grouping,
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
    Unit,
    Unpack,
    Unwrap,
)
from monitoring.promql import arithmetic
from monitoring.promql import syntax as promql
from monitoring.promql.syntax import Cardinality, Matching

_FLAGS = {"--strict", "--keep-empty"}


class Transformer(lark.Transformer[Token, Any]):
    """Names of methods are those of the rules; lark hands each its children."""

    def start(self, items: list[Any]) -> Expr:
        expr: Expr = items[0]
        return expr

    def inner(self, items: list[Any]) -> Any:
        (inside,) = _without_tokens(items)
        return inside

    # Terminals.

    def STRING(self, token: Token) -> Token:  # noqa: N802  # the terminal's name
        try:
            return token.update(value=unquote(token))
        except ValueError as error:
            raise _error_at(token, str(error)) from None

    # Log queries.

    def log_query(self, items: list[Any]) -> LogQuery:
        matchers, stages = items
        return LogQuery(matchers, stages)

    def selector(self, items: list[Any]) -> tuple[Matcher, ...]:
        return tuple(item for item in items if isinstance(item, Matcher))

    def matcher(self, items: list[Token]) -> Matcher:
        return _matcher(*items)

    def stages(self, items: list[Any]) -> tuple[Stage, ...]:
        return tuple(_without_tokens(items))

    def line_filter(self, items: list[Any]) -> LineFilter:
        return LineFilter(str(items[0]), tuple(_without_tokens(items)))

    def text_term(self, items: list[Token]) -> LineTerm:
        return LineTerm(str(items[0]))

    def ip_term(self, items: list[Token]) -> LineTerm:
        return LineTerm(str(items[-1]), is_ip=True)

    # Parsers.

    def json(self, items: list[Any]) -> JsonParser:
        return JsonParser(*_without_tokens(items))

    def logfmt(self, items: list[Any]) -> LogfmtParser:
        flags = [i for i in items if isinstance(i, Token) and i.type == "PARSER_FLAG"]
        for flag in flags:
            if flag not in _FLAGS:
                raise _error_at(flag, f"unknown parser flag: {flag}")
        strict, keep_empty = "--strict" in flags, "--keep-empty" in flags
        return LogfmtParser(strict, keep_empty, *_without_tokens(items))

    def extractions(self, items: list[Any]) -> tuple[Extraction, ...]:
        return tuple(_without_tokens(items))

    def extraction(self, items: list[Token]) -> Extraction:
        return Extraction(str(items[0]), str(items[-1]))

    def regexp(self, items: list[Token]) -> RegexpParser:
        return RegexpParser(str(items[1]))

    def pattern(self, items: list[Token]) -> PatternParser:
        return PatternParser(str(items[1]))

    def unpack(self, _items: list[Token]) -> Unpack:
        return Unpack()

    def decolorize(self, _items: list[Token]) -> Decolorize:
        return Decolorize()

    # Formats, drop, keep, unwrap.

    def line_format(self, items: list[Token]) -> LineFormat:
        return LineFormat(str(items[1]))

    def label_format(self, items: list[Any]) -> LabelFormat:
        return LabelFormat(tuple(_without_tokens(items)))

    def assign_template(self, items: list[Token]) -> LabelAssignment:
        return LabelAssignment(str(items[0]), template=str(items[2]))

    def assign_label(self, items: list[Token]) -> LabelAssignment:
        return LabelAssignment(str(items[0]), source=str(items[2]))

    def drop(self, items: list[Any]) -> Drop:
        return Drop(tuple(_without_tokens(items)))

    def keep(self, items: list[Any]) -> Keep:
        return Keep(tuple(_without_tokens(items)))

    def choice(self, items: list[Token]) -> LabelChoice:
        matcher = _matcher(*items) if len(items) > 1 else None
        return LabelChoice(str(items[0]), matcher)

    def unwrap(self, items: list[Token]) -> Unwrap:
        names = [item for item in items if item.type == "IDENTIFIER"]
        conversion = str(names[0]) if len(names) > 1 else ""
        if conversion not in {"", "bytes", "duration", "duration_seconds"}:
            raise _error_at(names[0], f"unknown conversion function: {conversion}")
        return Unwrap(str(names[-1]), conversion)

    # Label filters.

    def label_filter(self, items: list[Condition]) -> LabelFilter:
        return LabelFilter(items[0])

    def both(self, items: list[Any]) -> Both:
        return Both(*_without_tokens(items))

    def either(self, items: list[Any]) -> Either:
        return Either(*_without_tokens(items))

    def text_condition(self, items: list[Token]) -> TextCondition:
        return TextCondition(_matcher(*items))

    def ip_condition(self, items: list[Token]) -> IpCondition:
        return IpCondition(str(items[0]), str(items[1]), str(items[-1]))

    def number_condition(self, items: list[Any]) -> NumberCondition:
        name, op, (value, unit, text) = items
        op = "==" if op == "=" else str(op)
        return NumberCondition(str(name), op, value, unit, text)

    def quantity(self, items: list[Token]) -> tuple[float, Unit, str]:
        token = items[-1]
        sign, minus = (-1, "-") if len(items) > 1 else (1, "")
        value, unit = _quantity(token)
        return sign * value, unit, minus + str(token)

    # Metric queries.

    def number(self, items: list[Token]) -> promql.Number:
        return promql.Number(_number(items[0]))

    def plus(self, items: list[Any]) -> promql.Expr:
        expr: promql.Expr = items[1]
        return expr

    def minus(self, items: list[Any]) -> promql.Expr:
        match items[1]:
            case promql.Number(value):
                return promql.Number(-value)
            case other:
                return promql.Negation(other)

    def paren(self, items: list[Any]) -> promql.Paren:
        return promql.Paren(items[-1])

    def labels(self, items: list[Token]) -> tuple[str, ...]:
        return tuple(str(item) for item in items if item.type == "IDENTIFIER")

    def grouping(self, items: list[Any]) -> Grouping:
        return Grouping(items[1], without=items[0] == "without")

    def group(self, items: list[Any]) -> tuple[Cardinality, tuple[str, ...]]:
        many = items[0] == "group_left"
        side = Cardinality.MANY_TO_ONE if many else Cardinality.ONE_TO_MANY
        return side, items[1] if len(items) > 1 else ()

    def matching(self, items: list[Any]) -> Matching:
        cardinality, include = items[2] if len(items) > 2 else (_ONE_TO_ONE, ())  # noqa: PLR2004  # on, labels, group
        return Matching(cardinality, items[0] == "on", items[1], include)

    def modifier(self, items: list[Any]) -> tuple[bool, Matching | None]:
        matching = [item for item in items if isinstance(item, Matching)]
        return len(items) > len(matching), matching[0] if matching else None

    def binary(self, items: list[Any]) -> promql.Binary:
        left, op, (return_bool, matching), right = items
        op = arithmetic.DIVIDE_OR_NAN if op == "/" else str(op)
        return promql.Binary(op, left, right, return_bool, matching or Matching())

    def range_expr(self, items: list[Any]) -> Any:
        return items[0]

    def ranged(self, items: list[Any]) -> RangeAggregation:
        matchers, first, token, *rest = items
        offset = rest[0] if len(rest) > 1 else 0
        query = LogQuery(matchers, first + rest[-1])
        try:
            range_ns = duration_ns(token[1:-1].strip())
        except ValueError as error:
            raise _error_at(token, str(error)) from None
        if range_ns <= 0:
            raise _error_at(token, "range must be greater than 0")
        return RangeAggregation("", query, range_ns, offset)

    def offset(self, items: list[Token]) -> int:
        sign = -1 if items[1].type == "SUB" else 1
        return sign * int(_quantity(items[-1])[0] * 10**9)

    def range_aggregation(self, items: list[Any]) -> RangeAggregation:
        ranged = next(i for i in items if isinstance(i, RangeAggregation))
        return RangeAggregation(
            str(items[0]),
            ranged.query,
            ranged.range_ns,
            ranged.offset_ns,
            _parameter(items),
            _grouping(items),
        )

    def vector_aggregation(self, items: list[Any]) -> promql.Expr:
        op, *rest = items
        (inner,) = (i for i in rest if not isinstance(i, Token | Grouping))
        return _aggregation(op, inner, _parameter(rest), _grouping(rest))

    def label_replace(self, items: list[Any]) -> promql.Call:
        _, inner, *texts = items
        try:
            checked(str(texts[-1]))
        except ValueError as error:
            raise _error_at(texts[-1], str(error)) from None
        arguments = tuple(promql.String(str(text)) for text in texts)
        return promql.Call("label_replace", (inner, *arguments))

    def vector(self, items: list[Token]) -> promql.Call:
        return promql.Call("vector", (promql.Number(_number(items[-1])),))


_ONE_TO_ONE = Cardinality.ONE_TO_ONE
_SORTS = {"sort", "sort_desc"}
_RANKINGS = {"topk", "bottomk", "approx_topk"}


def _without_tokens(items: list[Any]) -> list[Any]:
    return [item for item in items if not isinstance(item, Token)]


def _error_at(token: Token, message: str) -> LogQLSyntaxError:
    return LogQLSyntaxError(message, line=token.line or 0, column=token.column or 0)


def _matcher(name: Token, op: Token, value: Token) -> Matcher:
    try:
        return Matcher(str(name), MatchOp(op), str(value))
    except InvalidMatcherError as error:
        reason = str(error).partition(" does not compile: ")[2]
        raise _error_at(value, f"error parsing regexp: {reason}") from None


def _number(token: Token) -> float:
    return float(int(token, 16)) if token[:2] in {"0x", "0X"} else float(token)


def _quantity(token: Token) -> tuple[float, Unit]:
    """Return a duration's seconds, a size's bytes or a number."""
    try:
        if token.type == "DURATION":
            return duration_ns(token) / 1e9, Unit.DURATION
        if token.type == "BYTES":
            return size_bytes(token), Unit.BYTES
    except ValueError as error:
        raise _error_at(token, str(error)) from None
    return _number(token), Unit.NUMBER


def _parameter(items: list[Any]) -> float | None:
    tokens = [i for i in items if isinstance(i, Token) and i.type == "NUMBER"]
    return _number(tokens[0]) if tokens else None


def _grouping(items: list[Any]) -> Grouping | None:
    return next((i for i in items if isinstance(i, Grouping)), None)


def _aggregation(
    op: Token, inner: promql.Expr, param: float | None, grouping: Grouping | None
) -> promql.Expr:
    if op in _SORTS:
        if grouping is not None:
            raise _error_at(op, "sort and sort_desc doesn't allow grouping by")
        if param is not None:
            raise _error_at(op, f"unsupported parameter for operation {op}({param:g},")
        return promql.Call(str(op), (inner,))
    _check_parameter(op, param, grouping)
    number = None if param is None else promql.Number(param)
    labels, without = (grouping.labels, grouping.without) if grouping else ((), False)
    return promql.Aggregation(str(op), inner, number, without, labels)


def _check_parameter(op: Token, param: float | None, grouping: Grouping | None) -> None:
    if op not in _RANKINGS:
        if param is not None:
            raise _error_at(op, f"unsupported parameter for operation {op}({param:g},")
        return
    if param is None:
        raise _error_at(op, f"parameter required for operation {op}")
    if param != int(param):
        raise _error_at(op, f"invalid parameter {op}({param:g},")
    if param <= 0:
        raise _error_at(
            op, f"invalid parameter (must be greater than 0) {op}({param:g},"
        )
    if op == "approx_topk" and grouping is not None:
        raise _error_at(op, "grouping not allowed for approx_topk aggregation")
