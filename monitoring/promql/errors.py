"""What can go wrong with a query, by who must do something about it."""

from __future__ import annotations


class PromQLError(Exception):
    """A query that has no answer; the text says why."""


class PromQLSyntaxError(PromQLError):
    """The expression is not PromQL.

    `position` is the character of the text where the trouble starts, if known.
    """

    def __init__(self, message: str, *, position: int | None = None) -> None:
        super().__init__(message)
        self.position = position


class EvaluationError(PromQLError):
    """The expression is valid, but not on this data."""


class UnsupportedError(PromQLError):
    """The expression is valid, but Vedette does not evaluate it."""


class QueryTimeoutError(PromQLError):
    """The query took longer than it may. Raised by `Limits.deadline`."""


class QueryCancelledError(PromQLError):
    """Nobody waits for the answer any more. Raised by `Limits.deadline`."""
