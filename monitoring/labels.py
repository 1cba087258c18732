"""Label sets, matchers and fingerprints, as Prometheus and Loki know them.

Pure: shared by the store, both query languages, rules, silences and sources.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property

METRIC_NAME = "__name__"

# A label set in its one canonical form: pairs sorted by name, no empty value.
Labels = tuple[tuple[str, str], ...]

LABEL_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*\Z")


def make_labels(pairs: Mapping[str, str] | Iterable[tuple[str, str]]) -> Labels:
    """Return the canonical form; an empty value means the label is absent."""
    items = pairs.items() if isinstance(pairs, Mapping) else pairs
    return tuple(sorted((name, value) for name, value in items if value != ""))


def fingerprint(labels: Labels, *, salt: int = 0) -> int:
    """Return a stable 63-bit hash of a canonical label set.

    Positive, so that it fits PostgreSQL's bigint. `salt` keeps equal label
    sets of different owners apart.
    """
    digest = hashlib.blake2b(digest_size=8, key=salt.to_bytes(8, "big"))
    for name, value in labels:
        digest.update(name.encode())
        digest.update(b"\xff")
        digest.update(value.encode("utf-8", "surrogatepass"))
        digest.update(b"\xff")
    return int.from_bytes(digest.digest(), "big") >> 1


class MatchOp(StrEnum):
    EQUAL = "="
    NOT_EQUAL = "!="
    REGEX = "=~"
    NOT_REGEX = "!~"


class InvalidMatcherError(ValueError):
    """A matcher whose regular expression does not compile."""


@dataclass(frozen=True)
class Matcher:
    """One condition on one label; regular expressions are anchored on both ends.

    An absent label has the empty value, as in Prometheus.
    """

    name: str
    op: MatchOp
    value: str

    def __post_init__(self) -> None:
        if self.op in {MatchOp.REGEX, MatchOp.NOT_REGEX}:
            _ = self.pattern

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """The anchored expression. Raises InvalidMatcherError."""
        try:
            return re.compile(f"(?:{self.value})\\Z", re.DOTALL)
        except re.error as error:
            message = f"{self.name}{self.op}{self.value!r} does not compile: {error}"
            raise InvalidMatcherError(message) from error

    def matches(self, value: str) -> bool:
        match self.op:
            case MatchOp.EQUAL:
                return value == self.value
            case MatchOp.NOT_EQUAL:
                return value != self.value
            case MatchOp.REGEX:
                return self.pattern.match(value) is not None
            case MatchOp.NOT_REGEX:
                return self.pattern.match(value) is None

    @property
    def matches_empty(self) -> bool:
        """Whether a series without the label is selected too."""
        return self.matches("")


def matches_all(matchers: Iterable[Matcher], labels: Mapping[str, str]) -> bool:
    return all(matcher.matches(labels.get(matcher.name, "")) for matcher in matchers)
