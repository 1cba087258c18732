"""What a format makes of lines, laid out for sources/_format_test.html."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.utils import timezone

from sources.formats import ParsedLine
from sources.formats.near_misses import near_misses
from sources.forms.formats import FormatForm
from sources.models import LogFormat
from sources.services.configs import InvalidSourceError
from sources.services.log_formats import FormatTest, try_format
from sources.views.previews import error_context, lines_context

MISSES_SHOWN = 8
# The settings that a test depends on: one without a name can be tried.
_TRIED = ("syntax", "expression", "time_format", "event_start", "sample", "example")


def tested(form: FormatForm) -> dict[str, Any] | None:
    """Return the template's `test`; None where there is nothing to try yet."""
    wanted = {name: str(form[name].value() or "") for name in form.fields}
    if not wanted["expression"]:
        return None
    if form.is_bound:
        errors = form.errors
        wrong = {name: [*map(str, errors[name])] for name in _TRIED if name in errors}
        if wrong:
            return _refused(wrong)
        wanted |= form.cleaned_data
    try:
        return _told(_tried(wanted), wanted)
    except InvalidSourceError as error:
        return _refused(error.fields)


def _tried(wanted: Mapping[str, str]) -> FormatTest:
    """Raises InvalidSourceError."""
    return try_format(
        wanted["syntax"],
        wanted["expression"],
        wanted["time_format"],
        wanted["sample"].strip("\n") or wanted["example"],
        received_ns=int(timezone.now().timestamp()) * 10**9,
        event_start=wanted["event_start"],
    )


def _refused(fields: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """Say what is wrong with the first setting that is."""
    name, problems = next(iter(fields.items()))
    label = FormatForm.base_fields[name].label or name.replace("_", " ").capitalize()
    return {"preview": error_context(f"{label}: {problems[0]}")}


def _told(done: FormatTest, wanted: Mapping[str, str]) -> dict[str, Any]:
    fitting = [line for line in done.lines if line.matched]
    others = [line for line in done.lines if not line.matched]
    return {
        "total": done.total,
        "said": _said(done),
        "word": "ok" if not others else "warning" if fitting else "critical",
        "preview": lines_context(fitting, wanted["title"] or wanted["name"]),
        "misses": _misses(wanted, others[:MISSES_SHOWN]),
        "missed": len(others),
    }


def _said(done: FormatTest) -> str:
    matched, total = done.matched, done.total
    if total == 1:
        return "The line fits." if matched else "The line does not fit."
    if matched == total:
        return f"All {total} lines fit."
    if not matched:
        return f"None of {total} lines fits."
    return f"{matched} of {total} lines {'fits' if matched == 1 else 'fit'}."


def _misses(
    wanted: Mapping[str, str], lines: Sequence[ParsedLine]
) -> list[dict[str, str]]:
    """Only of a pattern it can be said how far a line fits."""
    if wanted["syntax"] != LogFormat.Syntax.PATTERN:
        return [{"fits": "", "rest": line.line, "why": ""} for line in lines]
    found = near_misses(wanted["expression"], [line.line for line in lines])
    return [
        {
            "fits": miss.fits,
            "rest": miss.rest,
            "why": f"“{miss.missed}” is not found from the mark on."
            if miss.missed
            else "It goes on behind the pattern's end.",
        }
        for miss in found
    ]
