"""The syntax tree of LogQL.

Metric queries are made of PromQL's nodes, whose aggregations, operators and
functions evaluate them; only their leaves, the range aggregations, are new.
Durations are nanoseconds.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from monitoring.labels import Matcher
from monitoring.promql import syntax as promql
from monitoring.promql.syntax import Source


@dataclass(frozen=True, slots=True)
class LineTerm:
    """What a line filter looks for: a text, or addresses if `is_ip`."""

    text: str
    is_ip: bool = False


@dataclass(frozen=True, slots=True)
class LineFilter:
    op: str
    terms: tuple[LineTerm, ...]


@dataclass(frozen=True, slots=True)
class Extraction:
    """A label and where the parser finds its value."""

    name: str
    path: str


@dataclass(frozen=True, slots=True)
class JsonParser:
    extractions: tuple[Extraction, ...] = ()


@dataclass(frozen=True, slots=True)
class LogfmtParser:
    strict: bool = False
    keep_empty: bool = False
    extractions: tuple[Extraction, ...] = ()


@dataclass(frozen=True, slots=True)
class RegexpParser:
    expression: str


@dataclass(frozen=True, slots=True)
class PatternParser:
    pattern: str


@dataclass(frozen=True, slots=True)
class Unpack:
    pass


@dataclass(frozen=True, slots=True)
class Decolorize:
    pass


@dataclass(frozen=True, slots=True)
class TextCondition:
    matcher: Matcher


@dataclass(frozen=True, slots=True)
class IpCondition:
    name: str
    op: str
    addresses: str


class Unit(StrEnum):
    """What a label's text is read as before it is compared or summed up."""

    NUMBER = "number"
    DURATION = "duration"
    BYTES = "bytes"


@dataclass(frozen=True, slots=True)
class NumberCondition:
    """`text` is the value as it was written, for the query to be written again."""

    name: str
    op: str
    value: float
    unit: Unit
    text: str


@dataclass(frozen=True, slots=True)
class Both:
    left: Condition
    right: Condition


@dataclass(frozen=True, slots=True)
class Either:
    left: Condition
    right: Condition


Condition = TextCondition | IpCondition | NumberCondition | Both | Either


@dataclass(frozen=True, slots=True)
class LabelFilter:
    condition: Condition


@dataclass(frozen=True, slots=True)
class LineFormat:
    template: str


@dataclass(frozen=True, slots=True)
class LabelAssignment:
    """`name` becomes what the template says, or is what `source` was called."""

    name: str
    source: str = ""
    template: str | None = None


@dataclass(frozen=True, slots=True)
class LabelFormat:
    assignments: tuple[LabelAssignment, ...]


@dataclass(frozen=True, slots=True)
class LabelChoice:
    """A label, on the condition that its value matches if there is a matcher."""

    name: str
    matcher: Matcher | None = None


@dataclass(frozen=True, slots=True)
class Drop:
    choices: tuple[LabelChoice, ...]


@dataclass(frozen=True, slots=True)
class Keep:
    choices: tuple[LabelChoice, ...]


@dataclass(frozen=True, slots=True)
class Unwrap:
    """`conversion` is the function's name as written, or empty."""

    name: str
    conversion: str = ""


Stage = (
    LineFilter
    | JsonParser
    | LogfmtParser
    | RegexpParser
    | PatternParser
    | Unpack
    | Decolorize
    | LabelFilter
    | LineFormat
    | LabelFormat
    | Drop
    | Keep
    | Unwrap
)


@dataclass(frozen=True, slots=True)
class LogQuery:
    matchers: tuple[Matcher, ...]
    stages: tuple[Stage, ...] = ()


@dataclass(frozen=True, slots=True)
class Grouping:
    labels: tuple[str, ...]
    without: bool = False


@dataclass(frozen=True, slots=True)
class RangeAggregation(Source):
    op: str
    query: LogQuery
    range_ns: int
    offset_ns: int = 0
    param: float | None = None
    grouping: Grouping | None = None


Expr = LogQuery | promql.Expr


class Kind(StrEnum):
    """What a query asks for."""

    LOG = "log"
    METRIC = "metric"


def kind(expr: Expr) -> Kind:
    return Kind.LOG if isinstance(expr, LogQuery) else Kind.METRIC


def log_queries(expr: Expr) -> list[LogQuery]:
    """Return what an expression reads, from left to right."""
    match expr:
        case LogQuery():
            return [expr]
        case RangeAggregation():
            return [expr.query]
        case other:
            return [q for child in promql.children(other) for q in log_queries(child)]
