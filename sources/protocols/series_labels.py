"""What a series may be called: one rule for every protocol of Prometheus's family.

Names are any UTF-8, as in Prometheus 3; how much of it there may be is our own rule.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from monitoring.gotemplates.literals import quote
from monitoring.labels import METRIC_NAME, Labels, make_labels
from sources.protocols import shown
from sources.protocols.label_sets import MAX_LABELS, MAX_NAME_BYTES, MAX_VALUE_BYTES

# Shorter texts cannot be too long in UTF-8: nobody has to encode them to see.
_SURELY_SHORT_NAME = MAX_NAME_BYTES // 4
_SURELY_SHORT_VALUE = MAX_VALUE_BYTES // 4


class InvalidSeriesError(ValueError):
    """The text says what is wrong with a label set."""


def series_labels(
    pairs: Iterable[tuple[str, str]], extra: Mapping[str, str] | None = None
) -> Labels:
    """Return the canonical label set of a series; `extra` wins over the sender's.

    Raises InvalidSeriesError for what no store could keep: no name, a name twice, a
    name or value that is too long.
    """
    given = list(pairs)
    labels = dict(given)
    if len(labels) < len(given):
        raise InvalidSeriesError(
            f"invalid labels for series, labels {as_text(given)}, "
            f"duplicated label {_repeated(given)}"
        )
    if not labels.get(METRIC_NAME) or "" in labels:
        raise InvalidSeriesError(f"invalid metric name or labels, got {as_text(given)}")
    check_metric_name(labels[METRIC_NAME])
    check_sizes(labels)
    return make_labels({**labels, **extra} if extra else labels)


def check_sizes(labels: Mapping[str, str]) -> None:
    """Raises InvalidSeriesError."""
    if len(labels) > MAX_LABELS:
        raise InvalidSeriesError(
            f"the series {shown(labels.get(METRIC_NAME, ''))} has {len(labels)} labels; "
            f"{MAX_LABELS} may be"
        )
    for name, value in labels.items():
        if len(name) > _SURELY_SHORT_NAME and _size(name) > MAX_NAME_BYTES:
            raise InvalidSeriesError(
                f"the label name {shown(name)} is longer than {MAX_NAME_BYTES} bytes"
            )
        if len(value) > _SURELY_SHORT_VALUE:
            _check_long_value(name, value)


def _check_long_value(name: str, value: str) -> None:
    size = _size(value)
    if size > MAX_VALUE_BYTES:
        raise InvalidSeriesError(
            f"label {shown(name)} is longer than {MAX_VALUE_BYTES} bytes"
        )


def check_metric_name(name: str) -> None:
    """Raises InvalidSeriesError."""
    if len(name) > _SURELY_SHORT_NAME and _size(name) > MAX_NAME_BYTES:
        raise InvalidSeriesError(
            f"the metric name {shown(name)} is longer than {MAX_NAME_BYTES} bytes"
        )


def as_text(pairs: Iterable[tuple[str, str]]) -> str:
    """Return a label set as Prometheus writes it: {a="b", c="d"}."""
    inner = ", ".join(f"{name}={quote(value)}" for name, value in sorted(pairs))
    return "{" + inner + "}"


def _repeated(pairs: list[tuple[str, str]]) -> str:
    seen: set[str] = set()
    for name, _ in pairs:
        if name in seen:
            return name
        seen.add(name)
    return ""


def _size(text: str) -> int:
    return len(text.encode("utf-8", "surrogatepass"))
