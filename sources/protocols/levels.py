"""The words that senders use for a line's severity."""

from __future__ import annotations

from monitoring.telemetry import LEVEL_WORDS, Level
from sources.protocols import shown

_ALIASES = {
    "verbose": Level.TRACE,
    "information": Level.INFO,
    "informational": Level.INFO,
    "notice": Level.INFO,
    "warning": Level.WARN,
    "err": Level.ERROR,
    "critical": Level.FATAL,
    "crit": Level.FATAL,
    "alert": Level.FATAL,
    "emergency": Level.FATAL,
    "emerg": Level.FATAL,
    "panic": Level.FATAL,
}
_LEVELS = {**{level.word: level for level in Level}, **_ALIASES}


class InvalidLevelError(ValueError):
    """The text says which words there are."""


def level_of(word: str) -> Level:
    """Upper and lower case are one. Raises InvalidLevelError."""
    level = _LEVELS.get(word.lower())
    if level is None:
        raise InvalidLevelError(
            f"level {shown(word)} is not one of {', '.join(LEVEL_WORDS)}"
        )
    return level
