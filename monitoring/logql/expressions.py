"""Regular expressions in the syntax that RE2 and Go share, over whole columns."""

from __future__ import annotations

import pyarrow.compute as pc

from monitoring.labels import InvalidMatcherError, Matcher, MatchOp
from monitoring.logql.columns import Bools, Column, bools


def checked(expression: str) -> str:
    """Return the expression. Raises ValueError with what is wrong with it."""
    try:
        # A matcher knows how to complain; its anchors change nothing about that.
        Matcher("", MatchOp.REGEX, expression)
    except InvalidMatcherError as error:
        reason = str(error).partition(" does not compile: ")[2]
        raise ValueError(f"error parsing regexp: {reason}") from None
    return expression


def matching(matcher: Matcher, column: Column) -> Bools:
    """Return where a label, empty text where absent, fulfils its condition."""
    literals = matcher.literals
    if literals is not None and len(literals) == 1:
        found = bools(pc.equal(column, next(iter(literals))))
    else:
        found = bools(pc.match_substring_regex(column, matcher.anchored))
    return ~found if matcher.is_negative else found
