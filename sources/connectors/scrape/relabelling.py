"""Prometheus's relabelling: rules that keep, drop and rewrite label sets.

Pure. Expressions are RE2 and match the whole value; a dot matches a newline, too.
Reference: prometheus/model/relabel/relabel.go of Prometheus 3.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import re2

ACTIONS = (
    *("replace", "keep", "drop", "keepequal", "dropequal", "hashmod"),
    *("labelmap", "labeldrop", "labelkeep", "lowercase", "uppercase"),
)
MAX_RULES = 200
_KEYS = {
    *("source_labels", "separator", "target_label", "regex"),
    *("modulus", "replacement", "action"),
}
_NEEDS_TARGET = {
    *("replace", "hashmod", "lowercase", "uppercase", "keepequal", "dropequal"),
}
_OF_NAMES = {"labeldrop", "labelkeep"}
_COMPARING = {"keepequal", "dropequal"}
# How Go's Regexp.Expand writes a reference.
_REFERENCE = re.compile(r"\$(?:(\$)|(\w+)|\{(\w+)\})", re.ASCII)
_DEFAULT_REGEX = "(.*)"

Labels = dict[str, str]


class InvalidRelabellingError(ValueError):
    """The text says which rule cannot be, and why."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One relabel_config."""

    action: str
    source_labels: tuple[str, ...]
    separator: str
    regex: Any
    target_label: str
    replacement: str
    modulus: int

    def apply(self, labels: Labels) -> bool:
        """Change the labels in place; return whether they are kept."""
        if self.action in _ON_NAMES:
            _ON_NAMES[self.action](self, labels)
            return True
        value = self.separator.join(labels.get(n, "") for n in self.source_labels)
        if self.action in _DECISIONS:
            return _DECISIONS[self.action](self, value, labels)
        _REWRITES[self.action](self, value, labels)
        return True


def relabel(labels: Mapping[str, str], rules: Sequence[Rule]) -> Labels | None:
    """Return the label set as the rules leave it, None when they drop it."""
    changed = dict(labels)
    for rule in rules:
        if not rule.apply(changed):
            return None
    return changed


def parse_rules(configs: Any) -> tuple[Rule, ...]:
    """Read relabel_configs as prometheus.yml has them. Raises InvalidRelabellingError."""
    if not isinstance(configs, list):
        raise InvalidRelabellingError("Relabelling is a list of rules.")
    if len(configs) > MAX_RULES:
        raise InvalidRelabellingError(f"At most {MAX_RULES} rules.")
    rules = []
    for number, config in enumerate(configs, 1):
        try:
            rules.append(_parsed(config))
        except InvalidRelabellingError as error:
            raise InvalidRelabellingError(f"Rule {number}: {error}") from None
    return tuple(rules)


# --- Reading rules ---------------------------------------------------------------------


def _parsed(config: Any) -> Rule:
    if not isinstance(config, dict):
        raise InvalidRelabellingError("it is no object.")
    unknown = sorted(map(str, config.keys() - _KEYS))
    if unknown:
        raise InvalidRelabellingError(f"there is no {unknown[0]!r}.")
    action = _text(config, "action", "replace").lower()
    if action not in ACTIONS:
        raise InvalidRelabellingError(f"there is no action {action!r}.")
    rule = Rule(
        action=action,
        source_labels=_names(config),
        separator=_text(config, "separator", ";"),
        regex=_compiled(_text(config, "regex", _DEFAULT_REGEX)),
        target_label=_text(config, "target_label", ""),
        replacement=_text(config, "replacement", "$1"),
        modulus=_modulus(config),
    )
    _check(rule, config)
    return rule


def _check(rule: Rule, config: Mapping[str, Any]) -> None:
    if rule.action in _NEEDS_TARGET and not rule.target_label:
        raise InvalidRelabellingError(f"{rule.action} needs a target_label.")
    if rule.action == "hashmod" and not rule.modulus:
        raise InvalidRelabellingError("hashmod needs a modulus other than 0.")
    allowed = {"action"}
    if rule.action in _OF_NAMES:
        allowed |= {"regex"}
    elif rule.action in _COMPARING:
        allowed |= {"source_labels", "target_label"}
    else:
        return
    if config.keys() - allowed:
        names = " and ".join(sorted(allowed - {"action"}))
        raise InvalidRelabellingError(f"{rule.action} takes {names} only.")


def _text(config: Mapping[str, Any], key: str, default: str) -> str:
    value = config.get(key, default)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    if not isinstance(value, str):
        raise InvalidRelabellingError(f"{key} must be a text.")
    return value


def _names(config: Mapping[str, Any]) -> tuple[str, ...]:
    names = config.get("source_labels", [])
    if not isinstance(names, list) or not all(isinstance(n, str) for n in names):
        raise InvalidRelabellingError("source_labels must be a list of names.")
    return tuple(names)


def _modulus(config: Mapping[str, Any]) -> int:
    modulus = config.get("modulus", 0)
    if not isinstance(modulus, int) or isinstance(modulus, bool) or modulus < 0:
        raise InvalidRelabellingError("modulus must be a whole number.")
    return modulus


def _compiled(pattern: str) -> Any:
    options = re2.Options()
    options.log_errors = False
    options.max_mem = 8 * 2**20
    try:
        return re2.compile(f"(?s:{pattern})", options)
    except re2.error as error:
        told = error.args[0] if error.args else error
        told = told.decode() if isinstance(told, bytes) else told
        raise InvalidRelabellingError(f"regex {pattern!r}: {told}.") from None


# --- What the actions do ---------------------------------------------------------------


def _expanded(template: str, found: Any) -> str:
    """Expand $1, ${1}, ${name} and $$ as Go does; what is not captured is empty."""
    names = found.re.groupindex
    count = found.re.groups

    def value(reference: re.Match[str]) -> str:
        if reference[1]:
            return "$"
        name = reference[2] or reference[3]
        if name.isdigit():
            group = int(name) if len(name) < 4 else count + 1  # noqa: PLR2004 - no expression has so many
        else:
            group = names.get(name, count + 1)
        return (found.group(group) or "") if group <= count else ""

    return _REFERENCE.sub(value, template)


def _set(labels: Labels, name: str, value: str) -> None:
    if value:
        labels[name] = value
    else:
        labels.pop(name, None)


def _replace(rule: Rule, value: str, labels: Labels) -> None:
    found = rule.regex.fullmatch(value)
    if found is None:
        return
    target = _expanded(rule.target_label, found)
    if target:
        _set(labels, target, _expanded(rule.replacement, found))


def _hashmod(rule: Rule, value: str, labels: Labels) -> None:
    digest = hashlib.md5(value.encode("utf-8", "surrogatepass"), usedforsecurity=False)
    number = int.from_bytes(digest.digest()[8:], "big")
    labels[rule.target_label] = str(number % rule.modulus)


def _lowercase(rule: Rule, value: str, labels: Labels) -> None:
    _set(labels, rule.target_label, value.lower())


def _uppercase(rule: Rule, value: str, labels: Labels) -> None:
    _set(labels, rule.target_label, value.upper())


def _labelmap(rule: Rule, labels: Labels) -> None:
    for name, value in list(labels.items()):
        found = rule.regex.fullmatch(name)
        if found is not None:
            _set(labels, _expanded(rule.replacement, found), value)


def _labeldrop(rule: Rule, labels: Labels) -> None:
    for name in [n for n in labels if rule.regex.fullmatch(n)]:
        del labels[name]


def _labelkeep(rule: Rule, labels: Labels) -> None:
    for name in [n for n in labels if not rule.regex.fullmatch(n)]:
        del labels[name]


_ON_NAMES: Mapping[str, Callable[[Rule, Labels], None]] = {
    "labelmap": _labelmap,
    "labeldrop": _labeldrop,
    "labelkeep": _labelkeep,
}
_DECISIONS: Mapping[str, Callable[[Rule, str, Labels], bool]] = {
    "keep": lambda rule, value, labels: rule.regex.fullmatch(value) is not None,
    "drop": lambda rule, value, labels: rule.regex.fullmatch(value) is None,
    "keepequal": lambda rule, value, labels: labels.get(rule.target_label, "") == value,
    "dropequal": lambda rule, value, labels: labels.get(rule.target_label, "") != value,
}
_REWRITES: Mapping[str, Callable[[Rule, str, Labels], None]] = {
    "replace": _replace,
    "hashmod": _hashmod,
    "lowercase": _lowercase,
    "uppercase": _uppercase,
}
