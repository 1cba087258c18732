"""Log formats: recognising them, and parsing whole batches of lines.

Pure: lines in, columns out. `parse_batch` is what the pipeline calls; `detect` and
`preview` show a person what a source's lines look like to it.
"""

from __future__ import annotations

from sources.formats.base import (
    Detection,
    Format,
    Parsed,
    ParsedBatch,
    ParsedLine,
)
from sources.formats.detect import detect
from sources.formats.multiline import continuation_mask, join_multiline
from sources.formats.parsing import parse_batch, preview
from sources.formats.registry import FORMATS, RAW

__all__ = [
    "FORMATS",
    "RAW",
    "Detection",
    "Format",
    "Parsed",
    "ParsedBatch",
    "ParsedLine",
    "continuation_mask",
    "detect",
    "join_multiline",
    "parse_batch",
    "preview",
]
