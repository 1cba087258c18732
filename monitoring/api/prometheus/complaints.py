"""What is wrong with an expression, where, and in Prometheus's words."""

from __future__ import annotations

import re

from monitoring.promql import PromQLSyntaxError

# Our parser's words, and Prometheus's.
_WORDS = tuple(
    (re.compile(theirs), ours)
    for theirs, ours in (
        (r"unexpected right (brace|bracket) '(.)'", r"unexpected character: '\2'"),
        (r"aggregate expression '\w+' provided", "aggregate expression provided"),
        (r"'(\w+)'", r'"\1"'),
        (r"\b(type|got|or) vector\b", r"\1 instant vector"),
        (r"\b(type|got) matrix\b", r"\1 range vector"),
        (r", got: (.+)\Z", r', got "\1"'),
    )
)


def complaint(error: PromQLSyntaxError, text: str) -> str:
    """Return the parser's complaint with line and column, where they are known."""
    message = str(error)
    for theirs, ours in _WORDS:
        message = theirs.sub(ours, message)
    # Blank text is all wrong from its start.
    position = error.position if text.strip() else 0
    if position is None:
        return f"parse error: {message}"
    before = text[:position]
    line = before.count("\n") + 1
    column = position - before.rfind("\n")
    return f"{line}:{column}: parse error: {message}"
