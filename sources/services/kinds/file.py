"""Log files, followed through rotation."""

from __future__ import annotations

import os
from typing import Any

from sources.connectors.file_tail.globbing import PathPattern
from sources.connectors.file_tail.roots import allowed_roots, is_inside
from sources.connectors.file_tail.splitting import (
    UnsupportedEncodingError,
    check_encoding,
)
from sources.services.kinds import file_probing
from sources.services.kinds.base import Config, Group, Kind, Setting, SettingType
from sources.services.kinds.common import HOST

MAX_PATHS = 50
MAX_PATH = 4096


def path_problems(path: Any, config: Config) -> list[str]:
    """Return why a source of this configuration may not read that path."""
    if not path:
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


def _paths(config: Config) -> list[str]:
    return [
        problem for path in config["paths"] for problem in path_problems(path, config)
    ]


def _encoding(config: Config) -> list[str]:
    try:
        check_encoding(config["encoding"])
    except UnsupportedEncodingError as error:
        return [str(error)]
    return []


def _where(name: str, config: Config) -> str:
    return ", ".join(config.get("paths", []))


KIND = Kind(
    name="file",
    title="Files",
    help="Follows log files through rotation, on the host of the collector.",
    icon="file",
    group=Group.HERE,
    has_lines=True,
    connector="sources.connectors.file_tail.FileTail",
    test=file_probing.probe,
    newest_lines=file_probing.newest_lines,
    where=_where,
    settings=(
        Setting(
            "paths",
            SettingType.LINES,
            "Paths",
            "Absolute, with * and **; below FILE_SOURCE_ROOTS.",
            required=True,
            bounds=(1, MAX_PATHS),
            check=_paths,
            missing='Give at least one path, as ["/var/log/app/*.log"].',
        ),
        Setting(
            "recursive",
            SettingType.BOOLEAN,
            "Directories within directories, too",
            default=False,
        ),
        Setting(
            "from",
            SettingType.CHOICE,
            "Files that exist already",
            choices=(
                ("start", "Read what is there already"),
                ("end", "Only what comes"),
            ),
            default="start",
        ),
        Setting(
            "encoding",
            SettingType.TEXT,
            "Encoding",
            "Such as latin-1; UTF-8 unless given.",
            check=_encoding,
            bounds=(0, 40),
            asked=False,
        ),
        Setting(
            "multiline",
            SettingType.BOOLEAN,
            "Join lines",
            "Whether lines that belong together, such as stack traces, become one.",
            asked=False,
        ),
        HOST,
    ),
)
