"""Go's text/template, as far as Loki documents it for line_format and label_format."""

from __future__ import annotations

from monitoring.gotemplates import TemplateError
from monitoring.logql.templates.running import Template, parse_template

__all__ = ["Template", "TemplateError", "parse_template"]
