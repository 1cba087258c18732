"""The settings of a kind in words: for the API's document and for docs/sources.md."""

from __future__ import annotations

import json

from sources.services.kinds.base import Kind, Setting, SettingType

_WORDS = {
    SettingType.TEXT: "text",
    SettingType.LINES: "list of texts",
    SettingType.INTEGER: "whole number",
    SettingType.NUMBER: "number",
    SettingType.SECONDS: "seconds",
    SettingType.BOOLEAN: "true or false",
    SettingType.SECRET: "secret text",
    SettingType.PAIRS: "object of texts",
    SettingType.HEADERS: "object of secret texts",
    SettingType.PARAMETERS: "object of lists",
    SettingType.YAML: "list or object",
}


def table_rows(kind: Kind) -> list[str]:
    """Return the rows of the kind's table in docs/sources.md."""
    return [
        f"| `{s.key}` | {_type(s)} | {_default(s)} | {_meaning(s)} |"
        for s in kind.settings
    ]


def in_a_sentence(kind: Kind) -> str:
    if not kind.settings:
        return f"`{kind.name}`: nothing."
    keys = (
        f"`{s.key}` ({', '.join(filter(None, (_type(s), _default(s))))})"
        for s in kind.settings
    )
    return f"`{kind.name}`: {'; '.join(keys)}."


def _type(setting: Setting) -> str:
    if setting.type is SettingType.CHOICE:
        return " or ".join(f"`{name}`" for name, _ in setting.choices)
    word = _WORDS[setting.type]
    if setting.bounds and setting.type in {
        SettingType.INTEGER,
        SettingType.NUMBER,
        SettingType.SECONDS,
    }:
        least, most = setting.bounds
        return f"{word}, {least:g} to {most:g}"
    return word


def _default(setting: Setting) -> str:
    if setting.required:
        return "required"
    return "" if setting.default is None else f"`{json.dumps(setting.default)}`"


def _meaning(setting: Setting) -> str:
    label = setting.label.rstrip(".")
    return f"{label}. {setting.help}".strip().replace("|", "\\|")
