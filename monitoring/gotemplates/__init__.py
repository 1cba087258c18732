"""Go's text/template: what annotations of rules and LogQL's formats are written in.

`parse` reads a template, and a `Run` fills it in. Each language subclasses `Run` to
say which functions there are, and what stands in its fields.
"""

from __future__ import annotations

from monitoring.gotemplates.functions import FUNCTIONS, Function
from monitoring.gotemplates.printing import printing
from monitoring.gotemplates.reading import parse
from monitoring.gotemplates.running import Run, TooMuchError
from monitoring.gotemplates.values import NumberFormat, TemplateError

__all__ = [
    "FUNCTIONS",
    "Function",
    "NumberFormat",
    "Run",
    "TemplateError",
    "TooMuchError",
    "parse",
    "printing",
]
