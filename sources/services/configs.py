"""What each kind of source may be configured with, and whether it can work."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any

from sources.connectors.file_tail.globbing import PathPattern
from sources.connectors.file_tail.roots import allowed_roots, is_inside
from sources.connectors.file_tail.splitting import (
    UnsupportedEncodingError,
    check_encoding,
)
from sources.models import Source

MAX_PATHS = 50
MAX_PATH = 4096
INTERVAL_SECONDS = (1, 300)
# Set by first-run for the platform's own logs; no sender of settings may.
BUILTIN = "builtin"

Config = Mapping[str, Any]
Errors = dict[str, list[str]]


class InvalidSourceError(ValueError):
    """Settings that cannot be; `fields` says what is wrong with each one.

    A setting of the kind is named as in "config.paths".
    """

    def __init__(self, fields: Errors) -> None:
        super().__init__("; ".join(f"{n}: {t[0]}" for n, t in fields.items()))
        self.fields = fields


def clean_config(kind: str, config: Any, *, may_be_builtin: bool = False) -> Config:
    """Return the configuration as it is stored. Raises InvalidSourceError."""
    if not isinstance(config, dict):
        raise InvalidSourceError({"config": ["This must be an object."]})
    checks = CHECKS[kind]
    known = {*checks, BUILTIN} if may_be_builtin else set(checks)
    errors: Errors = {
        f"config.{key}": [_unknown(kind, checks)]
        for key in sorted(config.keys() - known)
    }
    for key, check in checks.items():
        problems = check(config) if key in config or key in REQUIRED else []
        if problems:
            errors[f"config.{key}"] = problems
    if errors:
        raise InvalidSourceError(errors)
    return config


def path_problems(path: Any, config: Config) -> list[str]:
    """Return why a source of this configuration may not read that path."""
    if not isinstance(path, str) or not path or "\x00" in path:
        return ["A path must be a text."]
    if len(path) > MAX_PATH:
        return [f"A path has at most {MAX_PATH} characters."]
    if not path.startswith("/"):
        return [f"{path} is not absolute: begin it with a slash."]
    if ".." in path.split("/"):
        return [f"{path} contains “..”: write the path without it."]
    return _outside(path, config)


def _outside(path: str, config: Config) -> list[str]:
    """Links are resolved as far as they exist; reading a file checks them again."""
    roots = allowed_roots(config)
    pattern = PathPattern.of_config(path, recursive=bool(config.get("recursive")))
    real_paths = {os.path.realpath(pattern.base), os.path.realpath(path)}
    if all(is_inside(real, roots) for real in real_paths):
        return []
    allowed = ", ".join(roots) or "none at all"
    told = f"{path} is outside the allowed directories: {allowed}."
    return [f"{told} The operator can add directories by FILE_SOURCE_ROOTS."]


# --- Checks of single settings: config to problems -------------------------------------


def _paths(config: Config) -> list[str]:
    paths = config.get("paths")
    if not isinstance(paths, list) or not paths:
        return ['Give at least one path, as ["/var/log/app/*.log"].']
    if len(paths) > MAX_PATHS:
        return [f"At most {MAX_PATHS} paths; a pattern names many files."]
    return [problem for path in paths for problem in path_problems(path, config)]


def _encoding(config: Config) -> list[str]:
    try:
        check_encoding(config["encoding"])
    except (UnsupportedEncodingError, TypeError) as error:
        return [str(error)]
    return []


def _interval(config: Config) -> list[str]:
    seconds = config["interval_seconds"]
    least, most = INTERVAL_SECONDS
    is_number = isinstance(seconds, int | float) and not isinstance(seconds, bool)
    if not is_number or not least <= seconds <= most:
        return [f"This must be a number of seconds from {least} to {most}."]
    return []


def _boolean(key: str) -> Callable[[Config], list[str]]:
    def check(config: Config) -> list[str]:
        return [] if isinstance(config[key], bool) else ["This must be true or false."]

    return check


def _from(config: Config) -> list[str]:
    good = config["from"] in {"start", "end"}
    return [] if good else ["This must be “start” or “end”."]


def _host(config: Config) -> list[str]:
    """Only the collector on this host works the source; empty: any collector."""
    return [] if isinstance(config["host"], str) else ["This must be a host's name."]


def _unknown(kind: str, checks: Mapping[str, Any]) -> str:
    known = ", ".join(checks) or "none"
    return f"There is no such setting of a {kind} source; known: {known}."


CHECKS: dict[str, dict[str, Callable[[Config], list[str]]]] = {
    Source.Kind.FILE: {
        "paths": _paths,
        "recursive": _boolean("recursive"),
        "encoding": _encoding,
        "from": _from,
        "multiline": _boolean("multiline"),
        "host": _host,
    },
    Source.Kind.HOST: {"interval_seconds": _interval, "host": _host},
    Source.Kind.PUSH: {},
}
REQUIRED = {"paths"}
