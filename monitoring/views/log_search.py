"""What the address of the log explorer asks for, and the addresses next to it."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Self

from django.http import QueryDict

from monitoring.labels import LABEL_NAME, Matcher, MatchOp
from monitoring.services.log_narrowing import Click, What, from_words, narrowed
from monitoring.services.log_searches import (
    Search,
    compile_logql,
    compile_words,
    is_logql,
)
from monitoring.telemetry import Level

LABEL = "label."
MAX_QUERY = 10_000
TABS = ("lines", "patterns", "fields")
MAX_COLUMNS = 6


@dataclass(frozen=True, slots=True)
class LogSearch:
    """What the address asks for: `contains` are plain words, `query` is LogQL."""

    contains: str = ""
    levels: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    query: str = ""
    is_logql: bool = False
    tab: str = TABS[0]
    columns: tuple[str, ...] = ()
    wrap: bool = False

    @classmethod
    def parse(cls, params: QueryDict) -> Self:
        words = {level.word for level in Level}
        text = params.get("q", "").strip()[:MAX_QUERY].replace("\0", "")
        in_logql = _is_logql(text, params.get("lang", ""))
        tab = params.get("tab", "")
        return cls(
            contains="" if in_logql else text,
            query=text if in_logql else "",
            is_logql=in_logql,
            levels=tuple(word for word in params.getlist("level") if word in words),
            sources=tuple(params.getlist("source")),
            labels={
                name.removeprefix(LABEL): str(value)
                for name, value in params.items()
                if name.startswith(LABEL)
            },
            tab=tab if tab in TABS else TABS[0],
            columns=tuple(c for c in params.get("columns", "").split(",") if c)[
                :MAX_COLUMNS
            ],
            wrap=params.get("wrap") == "1",
        )

    @property
    def is_narrow(self) -> bool:
        return bool(
            self.contains or self.query or self.levels or self.sources or self.labels
        )

    @property
    def text(self) -> str:
        return self.query or self.contains

    @property
    def wanted_levels(self) -> frozenset[Level]:
        return frozenset(map(Level.from_word, self.levels)) or frozenset(Level)

    @property
    def matchers(self) -> tuple[Matcher, ...]:
        found = [Matcher(n, MatchOp.EQUAL, v) for n, v in self.labels.items()]
        if len(self.sources) == 1:
            found.append(Matcher("source", MatchOp.EQUAL, self.sources[0]))
        elif self.sources:
            any_of = "|".join(map(re.escape, self.sources))
            found.append(Matcher("source", MatchOp.REGEX, any_of))
        return tuple(found)

    def compiled(self) -> Search:
        """Raises LogQLError."""
        chosen = {"matchers": self.matchers, "levels": self.wanted_levels}
        if self.query:
            return compile_logql(self.query, **chosen)  # type: ignore[arg-type]
        return compile_words(self.contains, **chosen)  # type: ignore[arg-type]

    def as_logql(self) -> str:
        """Return the same search in LogQL, but for its levels."""
        return self.query or from_words(self.contains, self.matchers)


def _is_logql(text: str, language: str) -> bool:
    """The reader may say what is meant; a query is recognised otherwise."""
    if language in {"logql", "words"}:
        return language == "logql"
    return is_logql(text)


def toggled(params: QueryDict) -> QueryDict:
    """Return the address with a level switched: what a chip does without a script."""
    params = params.copy()
    level = params.pop("toggle")[-1].removeprefix("level:")
    chosen = params.getlist("level")
    kept = [each for each in chosen if each != level]
    params.setlist("level", kept if level in chosen else [*chosen, level])
    params.pop("cursor", None)
    return params


def clicked(params: QueryDict, labels: Collection[str]) -> QueryDict:
    """Return the address narrowed by what was clicked: `narrow` says what that is.

    `labels` are the names of those that streams have.
    """
    given = params.copy()
    what, name, value, no = (
        given.pop(key, [""])[-1] for key in ("narrow", "name", "value", "not")
    )
    for gone in ("cursor", "line", "tab"):
        given.pop(gone, None)
    if what not in set(What) or (what != What.PATTERN and not name):
        return given
    is_hidden = what == What.FIELD and name in labels
    click = Click(What(what), name, value, exclude=bool(no), is_hidden=is_hidden)
    search = LogSearch.parse(given)
    if click.what is What.LABEL and not click.exclude and not search.is_logql:
        return _with_label(given, name, value)
    if click.what is What.LABEL and not LABEL_NAME.match(name):
        return given
    return _in_logql(given, narrowed(search.as_logql(), click), search)


def _with_label(given: QueryDict, name: str, value: str) -> QueryDict:
    given["source" if name == "source" else f"{LABEL}{name}"] = value
    return given


def _in_logql(given: QueryDict, query: str, search: LogSearch) -> QueryDict:
    """Return the address with a query, which says by itself what was words before."""
    if not search.is_logql:
        for key in ("source", "lang", *(f"{LABEL}{name}" for name in search.labels)):
            given.pop(key, None)
    given["q"] = query
    return given
