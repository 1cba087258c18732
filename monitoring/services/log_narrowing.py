"""A click on a value, a label or a pattern, written into the query."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from monitoring import logql
from monitoring.labels import LABEL_NAME, Matcher, MatchOp
from monitoring.logql import LogQLError, LogQuery
from monitoring.logql.lines import DUPLICATE_SUFFIX, label_name
from monitoring.logql.pretty import write
from monitoring.logql.syntax import (
    JsonParser,
    LabelFilter,
    LineFilter,
    LineTerm,
    LogfmtParser,
    Stage,
    TextCondition,
    Unpack,
)

_PARSERS = (JsonParser, LogfmtParser, Unpack)

# What every selector needs: one condition that no empty value fulfils.
_ANY = Matcher("source", MatchOp.REGEX, ".+")


class What(StrEnum):
    LABEL = "label"
    FIELD = "field"
    PATTERN = "pattern"


@dataclass(frozen=True, slots=True)
class Click:
    """Of a pattern, `value` is its template and `name` is empty.

    `is_hidden` says that streams have a label of the field's name, which LogQL finds
    first.
    """

    what: What
    name: str
    value: str
    exclude: bool = False
    is_hidden: bool = False


def from_words(text: str, matchers: tuple[Matcher, ...] = ()) -> str:
    """Return the LogQL that finds the same as plain words."""
    stages = (LineFilter("|=", (LineTerm(text),)),) if text else ()
    return write(LogQuery(_selective(matchers), stages))


def narrowed(query: str, click: Click) -> str:
    """Return a LogQL query with what was clicked; one of numbers stays as it is."""
    try:
        tree = logql.parse(query)
    except LogQLError:
        return query
    if not isinstance(tree, LogQuery):
        return query
    is_label = click.what is What.LABEL
    return write(_labelled(tree, click) if is_label else _staged(tree, click))


def _labelled(tree: LogQuery, click: Click) -> LogQuery:
    op = MatchOp.NOT_EQUAL if click.exclude else MatchOp.EQUAL
    added = Matcher(click.name, op, click.value)
    # A label has one value: another one asked for would find nothing.
    kept = tuple(
        m
        for m in tree.matchers
        if m != added and (click.exclude or m.name != click.name or m.is_negative)
    )
    return replace(tree, matchers=_selective((*kept, added)))


def _staged(tree: LogQuery, click: Click) -> LogQuery:
    if click.what is What.PATTERN:
        pattern = LineFilter("!>" if click.exclude else "|>", (LineTerm(click.value),))
        # In front of all parsers, where the store itself can filter by it.
        return replace(tree, stages=_without(tree.stages, pattern, first=True))
    op = MatchOp.NOT_EQUAL if click.exclude else MatchOp.EQUAL
    stages, name = tree.stages, click.name
    if click.is_hidden or not LABEL_NAME.match(name):
        # LogQL cannot name what has points in it, as members of members do in JSON,
        # nor what a label hides: only once parsed they have names of their own.
        name = label_name(name) + (DUPLICATE_SUFFIX if click.is_hidden else "")
        if not any(isinstance(stage, _PARSERS) for stage in stages):
            stages = (*stages, JsonParser())
    wanted = LabelFilter(TextCondition(Matcher(name, op, click.value)))
    return replace(tree, stages=_without(stages, wanted))


def _without(
    stages: tuple[Stage, ...], stage: Stage, *, first: bool = False
) -> tuple[Stage, ...]:
    others = tuple(each for each in stages if each != stage)
    return (stage, *others) if first else (*others, stage)


def _selective(matchers: tuple[Matcher, ...]) -> tuple[Matcher, ...]:
    if any(not matcher.matches_empty for matcher in matchers):
        return matchers
    return (*matchers, _ANY)
