"""Go's text/template, as far as Loki documents it for line_format and label_format."""

from __future__ import annotations

from monitoring.logql.templates.reading import parse_template
from monitoring.logql.templates.running import Template
from monitoring.logql.templates.values import TemplateError

__all__ = ["Template", "TemplateError", "parse_template"]
