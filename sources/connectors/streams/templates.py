"""Texts that a stream sends, with {{name}} where something is put in. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from urllib.parse import quote

_HOLE = re.compile(r"\{\{\s*([A-Za-z0-9_.-]+)\s*\}\}")


def names_in(template: str) -> set[str]:
    return set(_HOLE.findall(template))


def filled(template: str, values: Mapping[str, str]) -> str:
    """Put the values in; within JSON, as the inside of a JSON text."""
    is_json = template.lstrip()[:1] in {"{", "["}
    inside = _json if is_json else str
    return _HOLE.sub(lambda hole: inside(values.get(hole[1], "")), template)


def filled_url(template: str, values: Mapping[str, str]) -> str:
    return _HOLE.sub(lambda hole: quote(values.get(hole[1], ""), safe=""), template)


def _json(value: str) -> str:
    return json.dumps(value)[1:-1]
