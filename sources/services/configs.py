"""Configurations of sources: checked, sealed where they are stored, masked when shown.

A stored configuration holds its secrets encrypted. Who sends the mask back means the
secret that is stored.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from accounts.services import secrets
from accounts.services.secrets import UnreadableSecretError
from sources.services.kinds import KINDS
from sources.services.kinds.base import (
    Config,
    Errors,
    InvalidSourceError,
    Kind,
    Setting,
)
from sources.services.kinds.checking import problems_of

__all__ = ["BUILTIN", "MASK", "Config", "Errors", "InvalidSourceError"]

# Set by first-run for the platform's own logs; no sender of settings may.
BUILTIN = "builtin"
MASK = "********"


def checked_config(
    kind_name: str,
    config: Any,
    *,
    stored: Config | None = None,
    may_be_builtin: bool = False,
) -> Config:
    """Return the configuration as it is stored. Raises InvalidSourceError."""
    if not isinstance(config, dict):
        raise InvalidSourceError({"config": ["This must be an object."]})
    kind = KINDS[kind_name]
    known = {s.key for s in kind.settings} | ({BUILTIN} if may_be_builtin else set())
    errors: Errors = {
        f"config.{key}": [_unknown(kind)] for key in sorted(config.keys() - known)
    }
    for setting in kind.settings:
        problems = problems_of(setting, config)
        if problems:
            errors[f"config.{setting.key}"] = problems
    if not errors and kind.check:
        errors = {f"config.{key}": told for key, told in kind.check(config).items()}
    if errors:
        raise InvalidSourceError(errors)
    return _sealed(kind, config, stored or {})


def shown_config(kind_name: str, stored: Config) -> dict[str, Any]:
    """Return a stored configuration as anyone may see it."""
    return _with_secrets(kind_name, stored, lambda _: MASK)


def opened_config(kind_name: str, stored: Config) -> dict[str, Any]:
    """Return a stored configuration with its secrets. Raises UnreadableSecretError."""
    return _with_secrets(kind_name, stored, secrets.decrypt)


def _unknown(kind: Kind) -> str:
    known = ", ".join(setting.key for setting in kind.settings) or "none"
    return f"There is no such setting of a {kind.name} source; known: {known}."


def _with_secrets(
    kind_name: str, stored: Config, change: Callable[[str], str]
) -> dict[str, Any]:
    kind = KINDS.get(kind_name)
    secret = {s.key for s in kind.settings if s.is_secret} if kind else set()
    return {
        key: _each(value, change) if key in secret else value
        for key, value in stored.items()
    }


def _each(value: Any, change: Callable[[str], str]) -> Any:
    """Apply the change to a secret, or to every value of an object of secrets."""
    if isinstance(value, Mapping):
        return {name: change(text) if text else "" for name, text in value.items()}
    return change(value) if value else ""


# --- Sealing ---------------------------------------------------------------------------


def _sealed(kind: Kind, config: Config, stored: Config) -> Config:
    secret = [s for s in kind.settings if s.is_secret and s.key in config]
    if any(config.get(key) != stored.get(key) for key in kind.addresses):
        _refuse_masks(secret, config, stored)
    sealed = {s.key: _sealed_setting(s, config[s.key], stored) for s in secret}
    return {**config, **sealed}


def _refuse_masks(secret: Sequence[Setting], config: Config, stored: Config) -> None:
    """A stored secret goes to no other place than it was entered for."""
    told = "Enter it again: where it is sent to has changed."
    errors = {
        f"config.{setting.key}": [told]
        for setting in secret
        if stored.get(setting.key) and MASK in _texts(config[setting.key])
    }
    if errors:
        raise InvalidSourceError(errors)


def _texts(value: Any) -> list[Any]:
    return list(value.values()) if isinstance(value, Mapping) else [value]


def _sealed_setting(setting: Setting, value: Any, stored: Config) -> Any:
    before = stored.get(setting.key)
    if isinstance(value, Mapping):
        old = before if isinstance(before, Mapping) else {}
        return {
            name: _sealed_text(setting, text, old.get(name))
            for name, text in value.items()
        }
    return _sealed_text(setting, value, before)


def _sealed_text(setting: Setting, text: str, before: str | None) -> str:
    """What stays the same keeps its encrypted form, so that nothing has changed."""
    if text == MASK:
        if not before:
            told = "Nothing is stored yet that the mask could stand for."
            raise InvalidSourceError({f"config.{setting.key}": [told]})
        return before
    if before and _is_sealed(text, before):
        return before
    return secrets.encrypt(text)


def _is_sealed(text: str, before: str) -> bool:
    try:
        return secrets.decrypt(before) == text
    except UnreadableSecretError:
        return False
