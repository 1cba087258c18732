"""The fields that ask for a source's rules: one for each section, written as YAML."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from sources.forms.fields import text_of
from sources.processing.sections import SECTIONS
from sources.processing.shape import Section
from sources.services.kinds.base import Setting, SettingType

_PREFIX = "processing_"


def _help(section: Section) -> str:
    keys = "; ".join(f"{key.name}: {key.help}" for key in section.keys)
    example = section.example.replace("\n", " ⏎ ")
    return f"{section.help} {keys + '. ' if keys else ''}As in {example}"


RULE_SETTINGS: tuple[Setting, ...] = tuple(
    Setting(
        key=_PREFIX + section.name,
        type=SettingType.YAML,
        label=section.title,
        help=_help(section),
        advanced=True,
    )
    for section in SECTIONS
)


def initial_rules(processing: Mapping[str, Any]) -> dict[str, Any]:
    """Return stored rules as their fields show them."""
    return {
        setting.key: text_of(setting, part)
        for setting in RULE_SETTINGS
        if (part := processing.get(setting.key.removeprefix(_PREFIX)))
    }


def rules_of_fields(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return the rules that clean fields hold."""
    return {
        setting.key.removeprefix(_PREFIX): part
        for setting in RULE_SETTINGS
        if (part := data.get(setting.key))
    }


def place_of(setting: str, problems: Sequence[str]) -> tuple[str, list[str]]:
    """Return the field of a refused setting, and what is to be said beside it."""
    if not setting.startswith("processing."):
        return setting.removeprefix("config."), list(problems)
    path = setting.removeprefix("processing.")
    section = re.split(r"[.\[]", path)[0]
    return _PREFIX + section, [f"{path}: {problem}" for problem in problems]
