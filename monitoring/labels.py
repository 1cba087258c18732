"""Label sets, matchers and fingerprints, as Prometheus and Loki know them.

Pure: shared by the store, both query languages, rules, silences and sources.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property, lru_cache
from typing import Any

import re2

METRIC_NAME = "__name__"

# Ends every name and value of a packed label set.
_END = b"\xff"

# A label set in its one canonical form: pairs sorted by name, no empty value.
Labels = tuple[tuple[str, str], ...]

LABEL_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*\Z")


def make_labels(pairs: Mapping[str, str] | Iterable[tuple[str, str]]) -> Labels:
    """Return the canonical form; an empty value means the label is absent."""
    items = pairs.items() if isinstance(pairs, Mapping) else pairs
    return tuple(sorted((name, value) for name, value in items if value != ""))


def series_text(
    name: str, labels: Mapping[str, str], *, hidden: Container[str] = ()
) -> str:
    """Return a series as PromQL writes it, for people: nothing is escaped.

    Labels that are `hidden` are left out.
    """
    inner = ", ".join(
        f'{label}="{value}"'
        for label, value in sorted(labels.items())
        if label != METRIC_NAME and label not in hidden
    )
    return f"{name}{{{inner}}}" if inner else name


def pack_labels(labels: Labels) -> bytes:
    """Return a canonical label set as bytes: equal sets are equal bytes.

    Names and values end in a byte that UTF-8 never has.
    """
    texts = [text for pair in labels for text in pair]
    joined = "\0".join([*texts, ""])
    if joined.isascii() and joined.count("\0") == len(texts):
        return joined.encode("ascii").replace(b"\0", _END)
    return b"".join(text.encode("utf-8", "surrogatepass") + _END for text in texts)


def unpack_labels(packed: bytes) -> Labels:
    texts = [text.decode("utf-8", "surrogatepass") for text in packed.split(_END)]
    return tuple(zip(texts[:-1:2], texts[1::2], strict=True))


def fingerprint(labels: Labels, *, salt: int = 0) -> int:
    """Return a stable 63-bit hash of a canonical label set.

    Positive, so that it fits PostgreSQL's bigint. `salt` keeps equal label
    sets of different owners apart.
    """
    return packed_fingerprint(pack_labels(labels), salt=salt)


def packed_fingerprint(packed: bytes, *, salt: int = 0) -> int:
    """Return the fingerprint of a label set that is packed already."""
    digest = hashlib.blake2b(packed, digest_size=8, key=salt.to_bytes(8, "big"))
    return int.from_bytes(digest.digest(), "big") >> 1


class MatchOp(StrEnum):
    EQUAL = "="
    NOT_EQUAL = "!="
    REGEX = "=~"
    NOT_REGEX = "!~"


class InvalidMatcherError(ValueError):
    """A matcher whose regular expression RE2 does not take, in Prometheus's words."""


# RE2's complaints in C++, and those of its twin in Go, which Prometheus answers with.
_COMPLAINTS_IN_GO = {
    "missing )": "missing closing )",
    "missing ]": "missing closing ]",
    "no argument for repetition operator": "missing argument to repetition operator",
    "bad repetition operator": "invalid nested repetition operator",
    "invalid repetition size": "invalid repeat count",
    "invalid perl operator": "invalid or unsupported Perl syntax",
    "trailing \\": "trailing backslash at end of expression",
    "pattern too large - compile failed": "expression too large",
}

# No more than Prometheus's own default: a label's value is short.
MAX_EXPRESSION = 16_384

_META = frozenset(r"\.+*?()|[]{}^$")


def _options() -> re2.Options:
    options = re2.Options()
    options.log_errors = False
    options.dot_nl = True
    return options


_RE2 = _options()


@lru_cache(maxsize=4096)
def _compiled(expression: str) -> Any:
    """Return RE2's program. Raises InvalidMatcherError with the reason."""
    if len(expression) > MAX_EXPRESSION:
        raise InvalidMatcherError(
            f"expression too large: {len(expression)} characters,"
            f" at most {MAX_EXPRESSION} are taken"
        )
    try:
        return re2.compile(expression, options=_RE2)
    except re2.error as error:
        raise InvalidMatcherError(_complaint(error)) from None
    except UnicodeEncodeError:
        raise InvalidMatcherError("invalid UTF-8") from None


def _complaint(error: Exception) -> str:
    said = error.args[0]
    text = said.decode(errors="replace") if isinstance(said, bytes) else str(said)
    problem, separator, piece = text.partition(": ")
    problem = _COMPLAINTS_IN_GO.get(problem, problem)
    return f"{problem}: `{piece}`" if separator else problem


def _literals(expression: str) -> tuple[str, ...] | None:
    """Return the alternatives of `a|b\\.c`, or None where there is more to it."""
    alternatives, current, escaped = [], [], False
    for character in expression:
        if escaped:
            # A letter or digit behind a backslash is a class or a reference.
            if character.isalnum() or character > "~":
                return None
            current.append(character)
            escaped = False
        elif character == "\\":
            escaped = True
        elif character == "|":
            alternatives.append("".join(current))
            current = []
        elif character in _META:
            return None
        else:
            current.append(character)
    return None if escaped else (*alternatives, "".join(current))


@dataclass(frozen=True)
class Matcher:
    """One condition on one label; regular expressions are RE2's, anchored on both ends.

    An absent label has the empty value, and a dot is any character, as in Prometheus.
    Raises InvalidMatcherError when made with an expression that does not compile.
    """

    name: str
    op: MatchOp
    value: str

    def __post_init__(self) -> None:
        if self.is_regex:
            try:
                _compiled(self.value)
            except InvalidMatcherError as error:
                raise InvalidMatcherError(
                    f"{self.name}{self.op}{self.value!r} does not compile: {error}"
                ) from None

    @property
    def is_regex(self) -> bool:
        return self.op in {MatchOp.REGEX, MatchOp.NOT_REGEX}

    @property
    def is_negative(self) -> bool:
        return self.op in {MatchOp.NOT_EQUAL, MatchOp.NOT_REGEX}

    @property
    def anchored(self) -> str:
        """The expression as RE2 takes it elsewhere: in pyarrow."""
        return f"(?s)\\A(?:{self.value})\\z"

    @cached_property
    def literals(self) -> frozenset[str] | None:
        """All values that the condition names, where it names them one by one."""
        if not self.is_regex:
            return frozenset({self.value})
        found = _literals(self.value)
        return None if found is None else frozenset(found)

    @cached_property
    def prefix(self) -> tuple[str, int] | None:
        """What the value begins with, and how much longer it is at least.

        None where the condition is more than a prefix: of `api-.*` it is ("api-", 0).
        """
        for ending, longer in ((".*", 0), (".+", 1)):
            if self.is_regex and self.value.endswith(ending):
                found = _literals(self.value.removesuffix(ending))
                if found is not None and len(found) == 1:
                    return found[0], longer
        return None

    def matches(self, value: str) -> bool:
        return self._names(value) is not self.is_negative

    def _names(self, value: str) -> bool:
        if self.literals is not None:
            return value in self.literals
        if self.prefix is not None:
            start, longer = self.prefix
            return value.startswith(start) and len(value) >= len(start) + longer
        try:
            return _compiled(self.value).fullmatch(value) is not None
        except UnicodeEncodeError:
            # Half of a surrogate pair, which no stored value has.
            return False

    @property
    def matches_empty(self) -> bool:
        """Whether a series without the label is selected too."""
        return self.matches("")


def matches_all(matchers: Iterable[Matcher], labels: Mapping[str, str]) -> bool:
    return all(matcher.matches(labels.get(matcher.name, "")) for matcher in matchers)
