from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms
from django.urls import reverse
from django.utils.html import format_html
from typing_extensions import override

from accounts.scope import Scope, TeamRole
from sources.models import LogFormat
from sources.services.access import has_team_role
from sources.services.log_formats import SETTINGS

_SYNTAXES = ((LogFormat.Syntax.PATTERN, "A pattern"), (LogFormat.Syntax.REGEX, "A regular expression"))  # fmt: skip
_MAX_SAMPLE = 2**16


class TextField(forms.CharField):
    """A text in which blanks mean something; browsers end its lines with two marks."""

    def __init__(self, rows: int, **kwargs: Any) -> None:
        area = forms.Textarea(attrs={"rows": rows})
        super().__init__(widget=area, strip=False, **kwargs)

    @override
    def to_python(self, value: Any) -> Any:
        text = super().to_python(value) or ""
        return text.replace("\r\n", "\n").strip("\n")


class FormatForm(forms.Form):
    """A format of the organization's own, and lines to try it on."""

    name = forms.CharField(
        max_length=40,
        help_text="What sources call it: small letters, digits, - and _.",
    )
    title = forms.CharField(
        max_length=100, required=False, help_text="What people read; else the name."
    )
    syntax = forms.ChoiceField(
        choices=_SYNTAXES, label="Written as", initial=LogFormat.Syntax.PATTERN
    )
    expression = TextField(3, label="Line", max_length=4000)
    time_format = forms.CharField(
        max_length=100,
        required=False,
        strip=False,
        help_text="As in %Y-%m-%d %H:%M:%S, if the time is not recognised by itself.",
    )
    event_start = forms.CharField(
        max_length=1000,
        required=False,
        strip=False,
        label="An event begins with",
        help_text="A regular expression, if events have several lines and their source "
        "joins them: other lines belong to the event before.",
    )
    example = TextField(
        2, required=False, max_length=10_000, help_text="Kept with it, for people."
    )
    detected = forms.BooleanField(
        label="Recognise it",
        help_text="Sources that name no format are tried for it before all others.",
        required=False,
        initial=True,
    )
    sample = TextField(
        6,
        label="Lines to try it on",
        help_text="Not stored, and 200 are looked at. Empty: the example.",
        required=False,
        max_length=_MAX_SAMPLE,
    )

    def __init__(
        self,
        data: Mapping[str, Any] | None = None,
        *,
        row: LogFormat | None = None,
        may_edit: bool = True,
    ) -> None:
        initial = {name: getattr(row, name) for name in SETTINGS} if row else {}
        super().__init__(data, initial=initial)
        for field in self.fields.values():
            field.disabled = not may_edit

    def settings(self) -> dict[str, Any]:
        """Return what the services take; for a form that is valid."""
        return {name: self.cleaned_data[name] for name in SETTINGS}


def own_formats_help(scope: Scope) -> str:
    """A new page, so that what was typed into the wizard stays."""
    may_make = has_team_role(scope, None, TeamRole.MAINTAINER)
    return format_html(
        'None fits? <a href="{}" target="_blank" rel="noopener">{}</a>',
        reverse(
            "format-add" if may_make else "formats", args=[scope.organization_slug]
        ),
        "Make one of your own" if may_make else "See those of your organization",
    )
