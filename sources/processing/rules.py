"""What a source's rules say, once they have been checked."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass

from monitoring.telemetry import Level

# A value that is no more among those that a label may take.
OTHER = "other"


@dataclass(frozen=True, slots=True)
class Condition:
    """What a line is asked. Conditions that are not given hold.

    `contains` is a text and `matches` an RE2 expression, both looked for in the line
    or, where there is a `field`, in that; a line without the field has neither. Levels
    are those from `at_least` to `at_most`; a line of unknown level is below all.
    """

    contains: str = ""
    matches: str = ""
    field: str = ""
    at_least: Level | None = None
    at_most: Level | None = None


@dataclass(frozen=True, slots=True)
class Filter:
    """An include keeps only what it holds for, an exclude only what it does not."""

    keeps: bool
    condition: Condition


@dataclass(frozen=True, slots=True)
class Sampling:
    """Keep the share `rate` of the lines, and all from the level `keep` on.

    With a `field` all lines of one value of it are kept or dropped together.
    """

    rate: float
    field: str = ""
    keep: Level = Level.ERROR


@dataclass(frozen=True, slots=True)
class Mask:
    """What is hidden: a preset, or what an own pattern matches.

    `hashes`: equal secrets stay equal, so that lines can still be joined by them.
    """

    preset: str = ""
    pattern: str = ""
    replacement: str = ""
    hashes: bool = False


@dataclass(frozen=True, slots=True)
class Promotion:
    """A field that becomes a label, with at most so many values."""

    field: str
    label: str
    most: int


@dataclass(frozen=True, slots=True)
class RateLimit:
    """How much a source may bring a second; 0 is no limit.

    `burst_seconds` worth of it may come at once.
    """

    lines: float = 0.0
    size: float = 0.0  # bytes
    burst_seconds: float = 10.0


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric made of lines: a counter, a gauge or a histogram.

    A counter without a `field` counts lines, with one it sums its values. `scale`
    turns the field's numbers into the metric's unit. `labels` are names of the
    metric's labels and the fields they are taken from.
    """

    name: str
    type: str
    when: Condition = Condition()
    field: str = ""
    scale: float = 1.0
    buckets: tuple[float, ...] = ()
    labels: Mapping[str, str] = dataclasses.field(default_factory=dict)
    most: int = 1000
    help: str = ""


@dataclass(frozen=True, slots=True)
class Rules:
    """All that a source's rules say, in the order in which it is done."""

    filters: tuple[Filter, ...] = ()
    sampling: Sampling | None = None
    masks: tuple[Mask, ...] = ()
    labels: Mapping[str, str] = dataclasses.field(default_factory=dict)
    promotions: tuple[Promotion, ...] = ()
    rate_limit: RateLimit | None = None
    metrics: tuple[Metric, ...] = ()

    @property
    def touch_lines(self) -> bool:
        return bool(
            self.filters
            or self.sampling
            or self.masks
            or self.labels
            or self.promotions
            or self.metrics
        )
