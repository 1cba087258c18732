"""The field of a page that asks for a setting, and what it makes of an answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import yaml
from django import forms
from typing_extensions import override

from sources.services.kinds.base import Setting, SettingType

# What the page writes in a monospaced face.
_MONO = {
    SettingType.LINES,
    SettingType.PAIRS,
    SettingType.HEADERS,
    SettingType.PARAMETERS,
    SettingType.YAML,
}
_MAX_YAML = 256 * 2**10


def field_of(setting: Setting) -> forms.Field:
    """Return a field whose clean value is the setting's, or None for none."""
    field = _FIELDS[setting.type](setting)
    field.label, field.help_text = setting.label, setting.help
    field.required = False  # what is needed is said by the kind's own checks
    field.initial = text_of(setting, setting.default)
    field.mono = setting.type in _MONO  # type: ignore[attr-defined]  # for the template
    field.plain = setting.required or setting.default is not None  # type: ignore[attr-defined]  # for the template
    field.advanced = setting.advanced  # type: ignore[attr-defined]  # for the template
    return field


def text_of(setting: Setting, value: Any) -> Any:
    """Return a setting's value as its field shows it."""
    if value is None:
        return None
    if setting.type is SettingType.LINES:
        return "\n".join(value)
    if setting.type in _SEPARATORS:
        separator = _SEPARATORS[setting.type]
        return "\n".join(f"{name}{separator}{text}" for name, text in value.items())
    if setting.type is SettingType.PARAMETERS:
        pairs = ((name, text) for name, texts in value.items() for text in texts)
        return "\n".join(f"{name}={text}" for name, text in pairs)
    if setting.type is SettingType.YAML:
        return yaml.safe_dump(value, sort_keys=False, allow_unicode=True)
    return value


_SEPARATORS: Mapping[SettingType, str] = {
    SettingType.PAIRS: "=",
    SettingType.HEADERS: ": ",
}


def _lines_of(text: str) -> list[str]:
    return [line for line in (line.strip() for line in text.splitlines()) if line]


class _Textarea(forms.CharField):
    """A text that means something else."""

    @override
    def __init__(self) -> None:
        super().__init__(widget=forms.Textarea(attrs={"rows": 4}))


class LinesField(_Textarea):
    @override
    def clean(self, value: Any) -> Any:
        return _lines_of(super().clean(value)) or None


class PairsField(_Textarea):
    def __init__(self, separator: str) -> None:
        super().__init__()
        self._separator = separator.strip()

    def pairs(self, value: Any) -> list[tuple[str, str]]:
        """Raises ValidationError."""
        found = []
        for line in _lines_of(super().clean(value)):
            name, separator, text = line.partition(self._separator)
            if not separator or not name.strip():
                raise forms.ValidationError(
                    f"Write “{line[:80]}” as name{self._separator}value."
                )
            found.append((name.strip(), text.strip()))
        return found

    @override
    def clean(self, value: Any) -> Any:
        return dict(self.pairs(value)) or None


class ParametersField(PairsField):
    @override
    def clean(self, value: Any) -> Any:
        found: dict[str, list[str]] = {}
        for name, text in self.pairs(value):
            found.setdefault(name, []).append(text)
        return found or None


class YamlField(_Textarea):
    @override
    def clean(self, value: Any) -> Any:
        text = super().clean(value)
        if len(text) > _MAX_YAML or ("&" in text and "*" in text and _has_alias(text)):
            raise forms.ValidationError("This is too long, or it refers to itself.")
        try:
            return yaml.safe_load(text) or None
        except (yaml.YAMLError, ValueError, RecursionError) as error:
            raise forms.ValidationError(f"This is no YAML: {error}") from None


def _has_alias(text: str) -> bool:
    """Whether something is written once and meant often: small texts grow by it."""
    try:
        return any(isinstance(token, yaml.AliasToken) for token in yaml.scan(text))
    except yaml.YAMLError:
        return False


class NumberField(forms.FloatField):
    """Whole numbers stay whole."""

    @override
    def clean(self, value: Any) -> Any:
        number = super().clean(value)
        return int(number) if number is not None and number.is_integer() else number


def _choice(setting: Setting) -> forms.Field:
    return forms.ChoiceField(choices=setting.choices)


def _number(setting: Setting) -> forms.Field:
    field = NumberField()
    field.widget.attrs["step"] = "any"
    return field


def _secret(setting: Setting) -> forms.Field:
    # What is shown is the mask; "new-password" keeps browsers from filling in others.
    attrs = {"autocomplete": "new-password"}
    return forms.CharField(
        widget=forms.PasswordInput(attrs=attrs, render_value=True), strip=False
    )


_FIELDS: Mapping[SettingType, Callable[[Setting], forms.Field]] = {
    SettingType.TEXT: lambda s: forms.CharField(),
    SettingType.SECRET: _secret,
    SettingType.LINES: lambda s: LinesField(),
    SettingType.INTEGER: lambda s: forms.IntegerField(),
    SettingType.NUMBER: _number,
    SettingType.SECONDS: _number,
    SettingType.BOOLEAN: lambda s: forms.BooleanField(),
    SettingType.CHOICE: _choice,
    SettingType.PAIRS: lambda s: PairsField("="),
    SettingType.HEADERS: lambda s: PairsField(":"),
    SettingType.PARAMETERS: lambda s: ParametersField("="),
    SettingType.YAML: lambda s: YamlField(),
}
