"""The texts of annotations and labels: `{{ $labels.host }} is at {{ $value }}`.

Go's template language with Prometheus's functions, bounded in steps and length. What
is not understood, or fails, stays as it was written: a slip in a template never loses
a notification.
"""

from __future__ import annotations

from collections.abc import Mapping

from alerts.evaluation.reasons import format_value
from alerts.evaluation.templates.execution import Data, Execution
from alerts.evaluation.templates.functions import Context, Query, Sample
from monitoring.gotemplates import NumberFormat, TemplateError, parse

__all__ = [
    "MAX_LENGTH",
    "Query",
    "Sample",
    "TemplateError",
    "check_template",
    "render",
    "render_all",
]

MAX_LENGTH = 4000


def check_template(template: str) -> None:
    """Raises TemplateError for what is no template; whether it works is seen in use."""
    parse(template)


def render(
    template: str,
    *,
    labels: Mapping[str, str],
    value: float | None,
    number: NumberFormat = format_value,
    query: Query | None = None,
    external_url: str = "",
) -> str:
    """Return the text with its expressions filled in, 4,000 characters at most.

    `number` writes numbers that no function has made into text; `query` answers what
    a template asks of PromQL.
    """
    template = template[:MAX_LENGTH]
    if "{{" not in template:
        return template
    try:
        nodes = parse(template)
    except TemplateError:
        return template
    data = Data(dict(labels), value, external_url)
    return Execution(data, Context(number, query, external_url)).run(nodes)[:MAX_LENGTH]


def render_all(
    templates: Mapping[str, str],
    *,
    labels: Mapping[str, str],
    value: float | None,
    number: NumberFormat = format_value,
    query: Query | None = None,
    external_url: str = "",
) -> dict[str, str]:
    return {
        name: render(
            template,
            labels=labels,
            value=value,
            number=number,
            query=query,
            external_url=external_url,
        )
        for name, template in templates.items()
    }
