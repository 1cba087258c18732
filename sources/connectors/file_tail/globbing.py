"""Path patterns: which files they name, and where to watch for new ones."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property

_MAGIC = re.compile(r"[*?\[]")
_TOKEN = re.compile(r"\[!?\]?[^\]]*\]|\*+|.", re.DOTALL)
ANY_DEPTH = "**"

Report = Callable[[str], None]


@dataclass(frozen=True)
class PathPattern:
    """An absolute path with `*`, `?`, `[…]`, and `**` for any depth.

    As in a shell, a wildcard does not match a leading dot. `**` does not walk
    through links to directories: they may form circles.
    """

    text: str

    @classmethod
    def of_config(cls, path: str, *, recursive: bool) -> PathPattern:
        """Read a configured path; a directory stands for the files in it."""
        path = os.path.normpath(path)
        if not os.path.isdir(path):  # noqa: PTH112 - paths are strings on this path
            return cls(path)
        return cls(f"{path}/**/*" if recursive else f"{path}/*")

    @cached_property
    def parts(self) -> tuple[str, ...]:
        return tuple(part for part in self.text.split("/") if part)

    @cached_property
    def fixed(self) -> int:
        """How many leading parts are directories without a wildcard."""
        for index, part in enumerate(self.parts):
            if _MAGIC.search(part):
                return index
        return len(self.parts) - 1

    @property
    def base(self) -> str:
        """The deepest directory that surely holds everything that can match."""
        return "/" + "/".join(self.parts[: self.fixed])

    @property
    def is_deep(self) -> bool:
        """Whether matches can lie below `base`, and not only in it."""
        return self.fixed < len(self.parts) - 1

    @cached_property
    def _regex(self) -> re.Pattern[str]:
        return re.compile("".join(map(_part_regex, self.parts)) + r"\Z", re.DOTALL)

    def matches(self, path: str) -> bool:
        return self._regex.match(path) is not None

    def expand(self, report: Report) -> Iterator[str]:
        """Yield what exists now; directories that cannot be read are reported."""
        return _expand(self.base, self.parts[self.fixed :], report)


def _part_regex(part: str) -> str:
    if part == ANY_DEPTH:
        return r"(?:/(?!\.)[^/]+)*"
    if not _MAGIC.search(part):
        return "/" + re.escape(part)
    hidden = "" if part.startswith(".") else r"(?!\.)"
    return "/" + hidden + _within_one_part(part)


def _within_one_part(part: str) -> str:
    return "".join(_token_regex(token) for token in _TOKEN.findall(part))


def _token_regex(token: str) -> str:
    """Translate like fnmatch, except that nothing matches a slash."""
    if token.startswith("*"):
        return "[^/]*"
    if token == "?":  # noqa: S105 - a wildcard, not a password
        return "[^/]"
    if len(token) < len("[x]"):
        return re.escape(token)
    negated, body = token[1] == "!", token[1:-1].removeprefix("!")
    body = body.replace("\\", r"\\").replace("[", r"\[").replace("^", r"\^")
    regex = f"[{'^/' if negated else ''}{body}]"
    try:
        re.compile(regex)
    except re.error:  # such as a range that runs backwards
        return re.escape(token)
    return regex


def _expand(directory: str, parts: tuple[str, ...], report: Report) -> Iterator[str]:
    part, rest = parts[0], parts[1:]
    if part == ANY_DEPTH:
        yield from _expand_any_depth(directory, rest or ("*",), report)
    elif not _MAGIC.search(part):
        path = _join(directory, part)
        if not rest and os.path.lexists(path):
            yield path
        elif rest:
            yield from _expand(path, rest, report)
    else:
        yield from _expand_wildcard(directory, part, rest, report)


def _expand_wildcard(
    directory: str, part: str, rest: tuple[str, ...], report: Report
) -> Iterator[str]:
    matches = re.compile(_part_regex(part)[1:] + r"\Z", re.DOTALL).match
    for entry in _entries(directory, report):
        if not matches(entry.name):
            continue
        if not rest:
            yield entry.path
        elif _is_directory(entry, follow=True):
            yield from _expand(entry.path, rest, report)


def _expand_any_depth(
    directory: str, rest: tuple[str, ...], report: Report
) -> Iterator[str]:
    yield from _expand(directory, rest, report)
    for entry in _entries(directory, report):
        if not entry.name.startswith(".") and _is_directory(entry, follow=False):
            yield from _expand_any_depth(entry.path, rest, report)


def _entries(directory: str, report: Report) -> list[os.DirEntry[str]]:
    """List a directory in a stable order; one that is not there is empty."""
    try:
        with os.scandir(directory) as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except (FileNotFoundError, NotADirectoryError):
        return []
    except PermissionError:
        report(
            f"Cannot list {directory}: permission denied. "
            f"Let user {os.geteuid()} read and enter the directory."
        )
    except OSError as error:
        report(f"Cannot list {directory}: {error.strerror}.")
    return []


def _is_directory(entry: os.DirEntry[str], *, follow: bool) -> bool:
    try:
        return entry.is_dir(follow_symlinks=follow)
    except OSError:
        return False


def _join(directory: str, name: str) -> str:
    return f"{directory.rstrip('/')}/{name}"
