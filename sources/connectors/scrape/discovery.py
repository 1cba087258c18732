"""Where targets are listed: in files and behind URLs, that change while we look."""

from __future__ import annotations

import fnmatch
import os
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import orjson
import yaml
from django.conf import settings

from sources.connectors.client_settings import USER_AGENT
from sources.connectors.scrape.fetching import Client, ScrapeError
from sources.connectors.scrape.settings import (
    Group,
    InvalidGroupsError,
    parse_groups,
)

MAX_FILE_BYTES = 8 * 2**20
MAX_FILES = 200
ENDINGS = (".json", ".yml", ".yaml")

Stamp = tuple[tuple[str, int, int], ...]


class DiscoveryError(Exception):
    """What is listed cannot be read; the text says what is wrong."""


# --- Files -----------------------------------------------------------------------------


def stamp_of(patterns: Sequence[str]) -> Stamp:
    """Return what changes when one of the files does."""
    found = []
    for path in _paths(patterns):
        try:
            status = os.stat(path)  # noqa: PTH116 - paths are strings here
        except OSError:
            continue
        found.append((path, status.st_mtime_ns, status.st_size))
    return tuple(found)


def read_files(patterns: Sequence[str]) -> list[Group]:
    """Return the groups of all files. Raises DiscoveryError."""
    return [group for path in _paths(patterns) for group in _read_file(path)]


def _paths(patterns: Sequence[str]) -> list[str]:
    """Only the last part of a path is a pattern, as in Prometheus."""
    found = sorted({path for pattern in patterns for path in _matching(pattern)})
    return found[:MAX_FILES]


def _matching(pattern: str) -> Iterator[str]:
    directory, _, last = pattern.rpartition("/")
    if not set(last) & set("*?["):
        yield pattern
        return
    try:
        names = os.listdir(directory or "/")  # noqa: PTH208 - names are wanted
    except OSError:
        return
    yield from (f"{directory}/{name}" for name in fnmatch.filter(names, last))


def _read_file(path: str) -> list[Group]:
    try:
        text = _content(path)
        listed = orjson.loads(text) if path.endswith(".json") else _yaml(text)
        groups = parse_groups(listed or [])
    except FileNotFoundError:
        raise DiscoveryError(f"{path} does not exist.") from None
    except OSError as error:
        raise DiscoveryError(
            f"Cannot read {path}: {error.strerror or error}."
        ) from None
    except (
        orjson.JSONDecodeError,
        yaml.YAMLError,
        ValueError,
        RecursionError,
    ) as error:
        raise DiscoveryError(f"{path}: {_first_line(error)}") from None
    return [_with(group, "__meta_filepath", path) for group in groups]


def _content(path: str) -> bytes:
    """Return the file's bytes, when it really lies under the allowed directories."""
    _require_inside(path, os.path.realpath(path))
    fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with open(fd, "rb") as file:  # noqa: PTH123 - a descriptor
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            raise DiscoveryError(f"{path} is not a regular file.")
        # A link on the way may have changed since it was resolved.
        _require_inside(path, str(Path(f"/proc/self/fd/{fd}").readlink()))
        data = file.read(MAX_FILE_BYTES + 1)
    if len(data) > MAX_FILE_BYTES:
        raise DiscoveryError(f"{path} has more than {MAX_FILE_BYTES} bytes.")
    return data


def _require_inside(path: str, real_path: str) -> None:
    """Raises DiscoveryError."""
    roots = [os.path.realpath(root) for root in settings.FILE_SOURCE_ROOTS]
    if not any(real_path.startswith(root.rstrip("/") + "/") for root in roots):
        raise DiscoveryError(
            f"{path} is outside the allowed directories: {', '.join(roots)}. "
            "The operator can add directories by FILE_SOURCE_ROOTS."
        )


def path_problem(pattern: str) -> str:
    """Return why no file of that name can be read, from its name alone."""
    if not pattern.startswith("/") or ".." in pattern.split("/"):
        return f"{pattern} must be an absolute path without “..”."
    if not pattern.endswith(ENDINGS):
        return f"{pattern} must end in .json, .yml or .yaml."
    try:
        _require_inside(pattern, f"{os.path.realpath(Path(pattern).parent)}/")
    except DiscoveryError as error:
        return str(error)
    return ""


def _yaml(text: bytes) -> Any:
    """Aliases make small texts large: there is no need for them here."""
    if any(isinstance(token, yaml.AliasToken) for token in yaml.scan(text)):
        raise ValueError("aliases are not supported")
    return yaml.safe_load(text)


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__


# --- HTTP ------------------------------------------------------------------------------


async def read_url(client: Client, url: str, refresh: float) -> list[Group]:
    """Return the groups that the URL lists. Raises DiscoveryError."""
    headers = {
        "User-Agent": USER_AGENT,
        "Accept": "application/json",
        "Accept-Encoding": "gzip",
        "X-Prometheus-Refresh-Interval-Seconds": f"{refresh:g}",
    }
    try:
        answer = await client.get(
            url, headers, seconds=min(refresh, 30), limit=MAX_FILE_BYTES
        )
        if "application/json" not in answer.content_type:
            raise DiscoveryError(f"{url}: the content type must be application/json.")
        groups = parse_groups(orjson.loads(answer.body))
    except (ScrapeError, InvalidGroupsError, orjson.JSONDecodeError) as error:
        raise DiscoveryError(f"{url}: {error}") from None
    return [_with(group, "__meta_url", url) for group in groups]


def _with(group: Group, name: str, value: str) -> Group:
    return Group(group.targets, {**group.labels, name: value})
