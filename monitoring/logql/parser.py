"""Reads LogQL: grammar and complaints; transformer.py makes the syntax tree."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import Any

from lark import Lark
from lark.exceptions import (
    UnexpectedCharacters,
    UnexpectedEOF,
    UnexpectedToken,
    VisitError,
)

from monitoring.labels import Labels, MatchOp, make_labels
from monitoring.logql.errors import LogQLSyntaxError, UnsupportedError
from monitoring.logql.syntax import Expr, LogQuery
from monitoring.logql.transformer import Transformer
from monitoring.logql.validation import require_selective, validate

# Loki's own limit.
MAX_LENGTH = 131_072
# What is nested and chained costs stack and time when it is evaluated.
MAX_DEPTH = 64
MAX_OPERATORS = 200

_TOKEN = re.compile(
    r'"(?:[^"\\\n]|\\[^\n])*"|`[^`]*`|#[^\n]*|[()]'
    r"|(?<![\w.])(?:and|or|unless)(?![\w.])|[-+*/%^]",
    re.ASCII,
)
# Terminals that messages show by name; all others are shown as they are written.
_NAMED = {"IDENTIFIER", "STRING", "RANGE", "DURATION", "BYTES", "NUMBER", "PARSER_FLAG"}
_MOST_EXPECTED = 4
_VARIANTS = re.compile(r"\s*variants\s*\(")


def parse(text: str) -> Expr:
    """Return the tree of a log or metric query.

    Raises LogQLSyntaxError, and UnsupportedError for what Loki has but we have not.
    """
    expr = _parse(text)
    validate(expr)
    require_selective(expr)
    return expr


def parse_stages(text: str) -> LogQuery:
    """Return a log query whose selector may be missing or select everything."""
    stages = text.lstrip()
    expr = _parse("{}" + text if stages[:1] in {"|", "!", ""} else text)
    if not isinstance(expr, LogQuery):
        raise LogQLSyntaxError("only log queries are supported")
    validate(expr)
    return expr


def _parse(text: str) -> Expr:
    if len(text) > MAX_LENGTH:
        raise LogQLSyntaxError(f"input size too long ({len(text)} > {MAX_LENGTH})")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise LogQLSyntaxError("invalid UTF-8 encoding") from None
    if _VARIANTS.match(text):
        raise UnsupportedError("variants() is experimental in Loki and not supported")
    _refuse_depth(text)
    try:
        tree: Any = _lark().parse(text)
    except UnexpectedToken as error:
        raise _unexpected(error, text) from None
    except UnexpectedCharacters as error:
        raise _illegal(text, _position(error)) from None
    except UnexpectedEOF:
        raise LogQLSyntaxError("syntax error: unexpected $end") from None
    except VisitError as error:
        raise error.orig_exc from None
    return tree  # type: ignore[no-any-return]  # the transformer makes it an Expr


@lru_cache(maxsize=1)
def _lark() -> Lark:
    grammar = Path(__file__).with_name("logql.lark").read_text(encoding="utf-8")
    return Lark(
        grammar, parser="lalr", transformer=Transformer(), maybe_placeholders=False
    )


def _refuse_depth(text: str) -> None:
    depth = operators = 0
    for found in _TOKEN.finditer(text):
        token = found[0]
        if token == "(":  # noqa: S105  # a parenthesis is no password
            depth += 1
            if depth > MAX_DEPTH:
                raise _at(text, found.start(), f"nested more than {MAX_DEPTH} deep")
        elif token == ")":  # noqa: S105  # a parenthesis is no password
            depth -= 1
        elif token[0] not in '"`#':
            operators += 1
    if operators > MAX_OPERATORS:
        raise LogQLSyntaxError(f"more than {MAX_OPERATORS} operators")


def _position(error: UnexpectedCharacters) -> int:
    place: Any = error.pos_in_stream
    return int(place or 0)


def _unexpected(error: UnexpectedToken, text: str) -> LogQLSyntaxError:
    token = error.token
    at_end = token.type == "$END"
    shown = "$end" if at_end else _shown(token.type)
    message = f"syntax error: unexpected {shown}"
    expected = sorted({_shown(name) for name in error.accepts or error.expected})
    if 0 < len(expected) <= _MOST_EXPECTED:
        message += f", expecting {' or '.join(expected)}"
    position = len(text) if at_end else int(token.start_pos or 0)
    return _at(text, position, message)


def _shown(terminal: str) -> str:
    if terminal in _NAMED:
        return terminal
    if terminal == "$END":
        return "$end"
    return _texts().get(terminal, terminal.lower())


@lru_cache(maxsize=1)
def _texts() -> dict[str, str]:
    known: Iterable[Any] = _lark().terminals
    return {t.name: t.pattern.value for t in known if t.pattern.type == "str"}


def _illegal(text: str, position: int) -> LogQLSyntaxError:
    character = text[position]
    if character in "\"`'":
        return _at(text, position, "literal not terminated")
    if character == "@":
        return _at(text, position, "the @ modifier is not supported by LogQL")
    word = re.match(r"[\w.]+|.", text[position:], re.DOTALL)
    shown = word[0] if word else character
    return _at(text, position, f"syntax error: unexpected {shown[:40]}")


def _at(text: str, position: int, message: str) -> LogQLSyntaxError:
    before = text[:position]
    line = before.count("\n") + 1
    column = position - (before.rfind("\n") + 1) + 1
    return LogQLSyntaxError(message, line=line, column=column)


def equalities(query: LogQuery) -> Labels:
    """Return the labels that a selector pins to one value."""
    pinned: dict[str, str] = {}
    seen: set[str] = set()
    for matcher in query.matchers:
        # A label with two conditions is left out, whatever they are.
        if matcher.op is MatchOp.EQUAL and matcher.name not in seen:
            pinned[matcher.name] = matcher.value
        else:
            pinned.pop(matcher.name, None)
        seen.add(matcher.name)
    return make_labels(pinned)
