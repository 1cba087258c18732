"""Whether a value is what its setting wants, by the setting's type."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from sources.services.kinds.base import Config, Setting, SettingType

MAX_TEXT = 4096
MAX_ENTRIES = 1000
# Nested deeper than that, nothing of ours is.
MAX_DEPTH = 8
MAX_NODES = 20_000

Check = Callable[[Setting, Any], str]


def problems_of(setting: Setting, config: Config) -> list[str]:
    """Return what is wrong with one setting of the configuration."""
    value = config.get(setting.key)
    if value is None or (setting.required and value in ("", [], {})):
        if setting.required:
            return [setting.missing]
        return ["Leave it out instead."] if setting.key in config else []
    problem = _CHECKS[setting.type](setting, value)
    if problem:
        return [problem]
    return setting.check(config) if setting.check else []


def _text(setting: Setting, value: Any) -> str:
    if not isinstance(value, str) or "\0" in value:
        return "This must be a text."
    least, most = setting.bounds or (0, MAX_TEXT)
    if not least <= len(value) <= most:
        return f"This must have {least:g} to {most:g} characters."
    return ""


def _lines(setting: Setting, value: Any) -> str:
    if not isinstance(value, list):
        return setting.missing if setting.required else "This must be a list of texts."
    if not all(isinstance(entry, str) and "\0" not in entry for entry in value):
        return "Each entry must be a text."
    if any(len(entry) > MAX_TEXT for entry in value):
        return f"An entry has at most {MAX_TEXT} characters."
    return _count(setting, value)


def _count(setting: Setting, value: Any) -> str:
    least, most = setting.bounds or (0, MAX_ENTRIES)
    if least <= len(value) <= most:
        return ""
    return f"There must be {least:g} to {most:g} entries, not {len(value)}."


def _number(setting: Setting, value: Any) -> str:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    whole = setting.type is not SettingType.INTEGER or isinstance(value, int)
    least, most = setting.bounds or (-math.inf, math.inf)
    if is_number and whole and least <= value <= most:
        return ""
    noun = "a whole number" if setting.type is SettingType.INTEGER else "a number"
    unit = " of seconds" if setting.type is SettingType.SECONDS else ""
    limits = f" from {least:g} to {most:g}" if setting.bounds else ""
    return f"This must be {noun}{unit}{limits}."


def _boolean(setting: Setting, value: Any) -> str:
    return "" if isinstance(value, bool) else "This must be true or false."


def _choice(setting: Setting, value: Any) -> str:
    known = [name for name, _ in setting.choices]
    if value in known:
        return ""
    return f"This must be {' or '.join(f'“{name}”' for name in known)}."


def _pairs(setting: Setting, value: Any) -> str:
    if not _is_object(value) or not all(isinstance(v, str) for v in value.values()):
        return "This must be an object of texts."
    if any("\0" in part or len(part) > MAX_TEXT for p in value.items() for part in p):
        return f"Names and values have at most {MAX_TEXT} characters, none of them NUL."
    return _count(setting, value)


def _headers(setting: Setting, value: Any) -> str:
    problem = _pairs(setting, value)
    if problem:
        return problem
    for name, text in value.items():
        if not name or not set(name) <= _TOKEN:
            return f"{name!r} is no name of a header."
        if not text.isprintable() or not text.isascii():
            return f"The value of {name} has characters that no header may have."
    return ""


_TOKEN = set(
    "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
)


def _parameters(setting: Setting, value: Any) -> str:
    good = _is_object(value) and all(
        isinstance(texts, list)
        and all(isinstance(t, str) and "\0" not in t for t in texts)
        for texts in value.values()
    )
    return _count(setting, value) if good else "This must be an object of lists."


def _yaml(setting: Setting, value: Any) -> str:
    if not isinstance(value, list | dict):
        return "This must be a list or an object."
    return "" if _is_small(value) else "This is too large or nested too deeply."


def _is_object(value: Any) -> bool:
    return isinstance(value, Mapping) and all(isinstance(name, str) for name in value)


def _is_small(value: Any) -> bool:
    """Whether nothing is nested too deeply and there is not too much of it."""
    level, nodes = [value], 0
    for _ in range(MAX_DEPTH):
        inner = [c for v in level if isinstance(v, list | dict) for c in _children(v)]
        nodes += len(inner)
        if not inner or nodes > MAX_NODES:
            return nodes <= MAX_NODES
        level = inner
    return False


def _children(value: Any) -> list[Any]:
    return list(value.values()) if isinstance(value, dict) else value


_CHECKS: dict[SettingType, Check] = {
    SettingType.TEXT: _text,
    SettingType.SECRET: _text,
    SettingType.LINES: _lines,
    SettingType.INTEGER: _number,
    SettingType.NUMBER: _number,
    SettingType.SECONDS: _number,
    SettingType.BOOLEAN: _boolean,
    SettingType.CHOICE: _choice,
    SettingType.PAIRS: _pairs,
    SettingType.HEADERS: _headers,
    SettingType.PARAMETERS: _parameters,
    SettingType.YAML: _yaml,
}
