"""All formats, the most specific first."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from sources.formats.base import Format
from sources.formats.known import access, json_lines, logfmt, plain

ORDER: tuple[Format, ...] = (
    *json_lines.FORMATS,
    *access.FORMATS,
    *logfmt.FORMATS,
    *plain.FORMATS,
)

FORMATS: Mapping[str, Format] = MappingProxyType({f.name: f for f in ORDER})
RAW = plain.RAW.name
