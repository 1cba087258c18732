"""Regular expressions and replacements of label_replace, in Go's syntax, by RE2."""

from __future__ import annotations

import re
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from monitoring.promql.errors import EvaluationError, UnsupportedError

# What may stand in a pattern around a group's opening: an escape, a literal
# passage, a class; then the opening itself, with its name if it has one.
_GROUP = re.compile(
    r"\\Q.*?(?:\\E|\Z)|\\.|\[\^?\]?(?:\[:\w+:\]|\\.|[^\]])*\]"
    r"|(?P<open>\((?:\?P?<(?P<name>\w+)>|(?!\?)))",
    re.DOTALL,
)
_REFERENCE = re.compile(r"\$(?:(?P<dollar>\$)|\{(?P<braced>\w+)\}|(?P<bare>\w+))")

# RE2's rewriting knows the groups 0 to 9.
_MOST_GROUPS = 9


@dataclass(frozen=True, slots=True)
class Rewrite:
    """Replaces whole texts that match a pattern."""

    pattern: str
    replacement: str

    @classmethod
    def of(cls, pattern: str, template: str) -> Rewrite:
        """Raises EvaluationError for a bad pattern."""
        anchored = f"^(?s:{pattern})$"
        try:
            pc.match_substring_regex(pa.array([""]), anchored)
        except pa.ArrowInvalid as error:
            message = f"invalid regular expression in label_replace(): {pattern}"
            raise EvaluationError(message) from error
        return cls(anchored, _rewriting(template, _groups(pattern)))

    def apply(self, texts: list[str]) -> list[str | None]:
        """Return what becomes of each text, None for one that does not match."""
        array = pa.array(texts, pa.string())
        matching = pc.match_substring_regex(array, self.pattern)
        replaced = pc.replace_substring_regex(array, self.pattern, self.replacement)
        nothing = pa.scalar(None, pa.string())
        outcome: list[str | None] = pc.if_else(matching, replaced, nothing).to_pylist()
        return outcome


def _groups(pattern: str) -> dict[str, int]:
    """Return the numbers of the pattern's groups, by number and by name."""
    numbers = {"0": 0}
    for found in _GROUP.finditer(pattern):
        if found["open"]:
            number = len([key for key in numbers if key.isdecimal()])
            numbers[str(number)] = number
            if found["name"]:
                numbers[found["name"]] = number
    return numbers


def _rewriting(template: str, groups: dict[str, int]) -> str:
    """Translate Go's `$1` and `${name}` to RE2's; an unknown group is empty."""

    def translate(found: re.Match[str]) -> str:
        if found["dollar"]:
            return "$"
        number = groups.get(found["braced"] or found["bare"])
        if number is None:
            return ""
        if number > _MOST_GROUPS:
            raise UnsupportedError("label_replace() knows the groups 1 to 9 only")
        return f"\\{number}"

    return _REFERENCE.sub(translate, template.replace("\\", "\\\\"))
