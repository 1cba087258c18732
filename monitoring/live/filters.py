"""Which events a subscription wants: compiled once, applied to every event."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from monitoring.live import lines
from monitoring.logql import LogQLError, Pipeline, compile_pipeline
from monitoring.telemetry import LEVEL_WORDS

Event = Mapping[str, Any]
Condition = Callable[[Event], bool]

MAX_CONDITIONS = 20
MAX_TEXT = 1000
MAX_QUERY = 5000


class InvalidFilterError(ValueError):
    """The filter says something that cannot be filtered by."""


@dataclass(frozen=True, slots=True)
class Filter:
    """What a subscription wants; a pipeline looks at the events of a batch at once."""

    conditions: tuple[Condition, ...]
    pipeline: Pipeline | None = None

    def __call__(self, event: Event) -> bool:
        return self.passing([event])[0]

    def passing(self, events: Sequence[Event]) -> list[bool]:
        passed = [all(condition(e) for condition in self.conditions) for e in events]
        if self.pipeline is None or not any(passed):
            return passed
        left = [event for event, good in zip(events, passed, strict=True) if good]
        queried = iter(lines.passing(left, self.pipeline))
        return [good and next(queried) for good in passed]


def compile_filter(wanted: object) -> Filter | None:
    """Return the filter as a predicate, or None when everything passes.

    `query` is a log query, or stages of one alone; `contains` seeks in the line, to the letter, as search does; `min_level` takes that level and
    worse; `labels` and `fields` compare their entries; `names` is a list for `name`;
    any other key compares the event's own, with a list standing for any of its
    values. Raises InvalidFilterError.
    """
    if wanted is None or wanted == {}:
        return None
    if not isinstance(wanted, dict) or len(wanted) > MAX_CONDITIONS:
        raise InvalidFilterError(
            f"A filter is an object with at most {MAX_CONDITIONS} keys."
        )
    conditions = [
        _condition(key, value) for key, value in wanted.items() if key != "query"
    ]
    query = wanted.get("query")
    return Filter(tuple(conditions), None if query is None else _pipeline(query))


def _pipeline(wanted: object) -> Pipeline:
    if not isinstance(wanted, str) or len(wanted) > MAX_QUERY:
        raise InvalidFilterError(
            f"query wants LogQL of at most {MAX_QUERY} characters."
        )
    try:
        return compile_pipeline(wanted)
    except LogQLError as error:
        raise InvalidFilterError(f"query: {error}") from None


def _condition(key: str, wanted: object) -> Condition:
    if key == "contains":
        return _contains(wanted)
    if key == "min_level":
        return _min_level(wanted)
    if key in {"labels", "fields"}:
        return _nested(key, wanted)
    return _one_of("name" if key == "names" else key, wanted)


def _contains(wanted: object) -> Condition:
    if not isinstance(wanted, str) or len(wanted) > MAX_TEXT:
        raise InvalidFilterError(
            f"contains wants a text of at most {MAX_TEXT} characters."
        )
    return lambda event: wanted in str(event.get("line", ""))


def _min_level(wanted: object) -> Condition:
    if wanted not in LEVEL_WORDS:
        raise InvalidFilterError(f"min_level is one of {', '.join(LEVEL_WORDS)}.")
    worse = frozenset(LEVEL_WORDS[LEVEL_WORDS.index(str(wanted)) :])
    return lambda event: event.get("level") in worse


def _nested(key: str, wanted: object) -> Condition:
    if not isinstance(wanted, dict) or len(wanted) > MAX_CONDITIONS:
        raise InvalidFilterError(f"{key} wants an object of names and values.")
    conditions = [_one_of(name, value) for name, value in wanted.items()]
    return lambda event: all(c(event.get(key) or {}) for c in conditions)


def _one_of(key: str, wanted: object) -> Condition:
    values = wanted if isinstance(wanted, list) else [wanted]
    if not all(isinstance(value, str | int | float | None) for value in values):
        raise InvalidFilterError(f"{key} wants a value or a list of values.")
    return lambda event: event.get(key) in values
