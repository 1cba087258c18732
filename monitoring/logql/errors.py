"""What can go wrong with a query, by who must do something about it."""

from __future__ import annotations


class LogQLError(Exception):
    """A query that has no answer; the text says why, in Loki's words."""


class LogQLSyntaxError(LogQLError):
    """The text is not LogQL. Lines and columns count from 1; 0 is not known."""

    def __init__(self, message: str, *, line: int = 0, column: int = 0) -> None:
        where = f" at line {line}, col {column}:" if line else " :"
        super().__init__(f"parse error{where} {message}")
        self.line = line
        self.column = column


class EvaluationError(LogQLError):
    """The query is valid, but not on these lines."""


class UnsupportedError(LogQLError):
    """The query is valid, but Vedette does not evaluate it."""
