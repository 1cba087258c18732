"""Rules as they are written in JSON, declared as data: names, types and bounds.

The checks, the help of the wizard's fields, the API's text and the tables of
docs/processing.md come from it.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import re2

from monitoring.labels import LABEL_NAME
from monitoring.telemetry import LEVEL_WORDS
from sources.processing.presets import PRESETS

MAX_TEXT = 1000
MAX_RULES = 50
MAX_LABELS = 20
MAX_BUCKETS = 100
MAX_VALUES = 1000

Problem = tuple[str, str]  # where, and what is wrong there


@dataclass(frozen=True, slots=True)
class Key:
    """One thing that a rule may say. `check` returns what is wrong, or ""."""

    name: str
    check: Callable[[Any], str]
    help: str
    required: bool = False


@dataclass(frozen=True, slots=True)
class Section:
    """One kind of rules. `many`: a list of objects; else one object, or free names."""

    name: str
    title: str
    help: str
    keys: tuple[Key, ...]
    many: bool = True
    example: str = ""
    # What keys mean together.
    check: Callable[[Mapping[str, Any]], str] | None = None


def problems_of(section: Section, value: Any) -> list[Problem]:
    if not section.many:
        return _of_object(section, value, section.name)
    if not isinstance(value, list):
        return [(section.name, "This must be a list.")]
    if len(value) > MAX_RULES:
        return [(section.name, f"There may be {MAX_RULES} at most.")]
    found: list[Problem] = []
    for place, item in enumerate(value):
        found += _of_object(section, item, f"{section.name}[{place}]")
    return found


def _of_object(section: Section, value: Any, path: str) -> list[Problem]:
    if not isinstance(value, dict):
        return [(path, "This must be an object.")]
    known = {key.name: key for key in section.keys}
    unknown = [name for name in value if name not in known]
    if unknown:
        names = ", ".join(known)
        return [
            (f"{path}.{str(unknown[0])[:80]}", f"There is no such key; known: {names}.")
        ]
    found = [
        (f"{path}.{key.name}", problem)
        for key in section.keys
        if (problem := _of_key(key, value))
    ]
    if not found and section.check and (problem := section.check(value)):
        found = [(path, problem)]
    return found


def _of_key(key: Key, value: Mapping[str, Any]) -> str:
    if key.name not in value:
        return "This is needed." if key.required else ""
    return key.check(value[key.name])


# --- Types -----------------------------------------------------------------------------


def text(value: Any) -> str:
    if not isinstance(value, str) or not value or "\0" in value:
        return "This must be a text that is not empty."
    return f"This has more than {MAX_TEXT} characters." if len(value) > MAX_TEXT else ""


def maybe_empty(value: Any) -> str:
    return "" if value == "" else text(value)


def regex(value: Any) -> str:
    problem = text(value)
    if problem:
        return problem
    options = re2.Options()
    options.log_errors = False
    options.max_mem = 8 * 2**20
    try:
        re2.compile(value, options)
    except re2.error as error:
        said = error.args[0] if error.args else "it cannot be read"
        said = said.decode() if isinstance(said, bytes) else str(said)
        return f"This is no regular expression of RE2: {said}."
    return ""


def secret_regex(value: Any) -> str:
    problem = regex(value)
    if not problem and re2.search(value, "") is not None:
        return "This matches the empty text, which would be found everywhere."
    return problem


def one_of(*words: str) -> Callable[[Any], str]:
    told = f"This must be one of {', '.join(words)}."
    return lambda value: "" if isinstance(value, str) and value in words else told


level = one_of(*LEVEL_WORDS[1:])


def number(least: float, most: float, *, above: bool = False) -> Callable[[Any], str]:
    told = (
        f"This must be a number {'above' if above else 'from'} {least:g} to {most:g}."
    )

    def check(value: Any) -> str:
        good = isinstance(value, int | float) and not isinstance(value, bool)
        good = good and math.isfinite(value) and least <= value <= most
        return "" if good and not (above and value == least) else told

    return check


def whole(least: int, most: int) -> Callable[[Any], str]:
    told = f"This must be a whole number from {least} to {most}."

    def check(value: Any) -> str:
        good = isinstance(value, int) and not isinstance(value, bool)
        return "" if good and least <= value <= most else told

    return check


def label_name(value: Any) -> str:
    good = isinstance(value, str) and bool(LABEL_NAME.match(value))
    if not good or value.startswith("__") or len(value) > 100:  # noqa: PLR2004 - of a label
        return (
            "This is no name of a label: letters, digits and _, not beginning with __."
        )
    return "“source” is always the name of the source." if value == "source" else ""


def metric_name(value: Any) -> str:
    plain = isinstance(value, str) and bool(LABEL_NAME.match(value.replace(":", "_")))
    if plain and len(value) <= 200:  # noqa: PLR2004 - of a metric's name
        return ""
    return "This is no name of a metric: letters, digits, _ and :."


def names_to_texts(value: Any) -> str:
    """Fixed labels, or labels and the fields that they are taken from."""
    if not isinstance(value, dict) or len(value) > MAX_LABELS:
        return f"This must be an object of {MAX_LABELS} entries at most."
    for name, meant in value.items():
        problem = label_name(name) or text(meant)
        if problem:
            return f"{str(name)[:80]}: {problem}"
    return ""


def metric_labels(value: Any) -> str:
    problem = names_to_texts(value)
    if not problem and "le" in value:
        return "“le” is what histograms call their bounds: choose another."
    return problem


def bounds(value: Any) -> str:
    """Bounds of a histogram's buckets."""
    good = isinstance(value, list) and 0 < len(value) <= MAX_BUCKETS
    good = good and all(
        isinstance(v, int | float) and not isinstance(v, bool) and math.isfinite(v)
        for v in value
    )
    if good and all(a < b for a, b in itertools.pairwise(value)):
        return ""
    return f"This must be a list of up to {MAX_BUCKETS} rising numbers."


PRESET_NAMES: Sequence[str] = tuple(PRESETS)
