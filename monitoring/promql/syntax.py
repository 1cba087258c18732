"""The syntax tree that the evaluator walks.

Durations and times are milliseconds. Aggregation and binary operators are the
words and signs of the language.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto

from monitoring.labels import Matcher


class ValueType(Enum):
    SCALAR = "scalar"
    STRING = "string"
    VECTOR = "vector"
    MATRIX = "matrix"


class AtKind(Enum):
    TIME = auto()
    START = auto()
    END = auto()


@dataclass(frozen=True, slots=True)
class At:
    """The `@` modifier; `time_ms` counts only for AtKind.TIME."""

    kind: AtKind
    time_ms: int = 0


@dataclass(frozen=True, slots=True)
class Number:
    value: float


@dataclass(frozen=True, slots=True)
class String:
    value: str


@dataclass(frozen=True, slots=True)
class VectorSelector:
    """`matchers` include the one on the metric's name."""

    name: str | None
    matchers: tuple[Matcher, ...]
    offset_ms: int = 0
    at: At | None = None


@dataclass(frozen=True, slots=True)
class MatrixSelector:
    selector: VectorSelector
    range_ms: int


@dataclass(frozen=True, slots=True)
class Subquery:
    """`step_ms` is None where the text leaves it to the default."""

    expr: Expr
    range_ms: int
    step_ms: int | None
    offset_ms: int = 0
    at: At | None = None


@dataclass(frozen=True, slots=True)
class Paren:
    expr: Expr


@dataclass(frozen=True, slots=True)
class Negation:
    expr: Expr


class Cardinality(Enum):
    ONE_TO_ONE = auto()
    MANY_TO_ONE = auto()
    ONE_TO_MANY = auto()
    MANY_TO_MANY = auto()


@dataclass(frozen=True, slots=True)
class Matching:
    """How the series of two vectors find each other.

    With `on` the `labels` must be equal, without it all others must. `include`
    are the labels that group_left or group_right takes from the "one" side.
    """

    cardinality: Cardinality = Cardinality.ONE_TO_ONE
    on: bool = False
    labels: tuple[str, ...] = ()
    include: tuple[str, ...] = ()
    fill_left: float | None = None
    fill_right: float | None = None


@dataclass(frozen=True, slots=True)
class Binary:
    op: str
    left: Expr
    right: Expr
    return_bool: bool = False
    matching: Matching = Matching()


@dataclass(frozen=True, slots=True)
class Aggregation:
    op: str
    expr: Expr
    param: Expr | None = None
    without: bool = False
    labels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Call:
    name: str
    args: tuple[Expr, ...]
    returns: ValueType = ValueType.VECTOR


class Source:
    """A vector that is not made of samples: the leaves of LogQL's metric queries."""

    __slots__ = ()


Expr = (
    Source
    | Number
    | String
    | VectorSelector
    | MatrixSelector
    | Subquery
    | Paren
    | Negation
    | Binary
    | Aggregation
    | Call
)


def bare(expr: Expr) -> Expr:
    """Return the expression without the parentheses around it."""
    while isinstance(expr, Paren):
        expr = expr.expr
    return expr


def type_of(expr: Expr) -> ValueType:
    match bare(expr):
        case Call() as call:
            return call.returns
        case Negation(inner):
            return type_of(inner)
        case Binary() as binary:
            sides = {type_of(binary.left), type_of(binary.right)}
            scalars = sides == {ValueType.SCALAR}
            return ValueType.SCALAR if scalars else ValueType.VECTOR
        case other:
            return _TYPES.get(type(other), ValueType.VECTOR)


_TYPES: dict[type, ValueType] = {
    Number: ValueType.SCALAR,
    String: ValueType.STRING,
    MatrixSelector: ValueType.MATRIX,
    Subquery: ValueType.MATRIX,
}

# Their answer depends on the evaluation time even where their arguments do not.
_CLOCKED = frozenset(
    {
        "time",
        "timestamp",
        "predict_linear",
        "day_of_month",
        "day_of_week",
        "day_of_year",
        "days_in_month",
        "hour",
        "minute",
        "month",
        "year",
    }
)


def children(expr: Expr) -> tuple[Expr, ...]:
    match expr:
        case Paren(inner) | Negation(inner) | MatrixSelector(inner) | Subquery(inner):
            return (inner,)
        case Binary():
            return (expr.left, expr.right)
        case Aggregation():
            return (expr.expr,) if expr.param is None else (expr.expr, expr.param)
        case Call():
            return expr.args
        case _:
            return ()


def is_constant(expr: Expr) -> bool:
    """Whether every step of a range query has the same answer."""
    if isinstance(expr, VectorSelector | Subquery) and expr.at is not None:
        return True
    if isinstance(expr, VectorSelector | Subquery | Source):
        return False
    if isinstance(expr, Call) and expr.name in _CLOCKED:
        return False
    return all(is_constant(child) for child in children(expr))
