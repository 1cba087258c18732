"""What is done to a source's lines between parsing and storing, by its rules.

Pure: a batch and rules in, a batch, samples and figures out, in bulk. `read_rules`
checks what people wrote; `apply` is what the pipeline and the previews call.
"""

from __future__ import annotations

from sources.processing.applying import Outcome, apply
from sources.processing.reading import InvalidRulesError, read_rules
from sources.processing.rules import RateLimit, Rules

__all__ = [
    "InvalidRulesError",
    "Outcome",
    "RateLimit",
    "Rules",
    "apply",
    "read_rules",
]
