"""What the page of retention asks for."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django import forms

from accounts.models import Team
from accounts.scope import Scope
from monitoring.models import Signal
from monitoring.services.retention_rules import (
    InvalidRetentionError,
    RetentionDraft,
    keep_for_text,
    parse_keep_for,
)


class RetentionForm(forms.Form):
    signal = forms.ChoiceField(
        choices=Signal.choices, initial=Signal.LOGS, label="What"
    )
    selector = forms.CharField(
        required=False,
        max_length=2000,
        label="Which",
        help_text='A selector, as {env="dev"} or up{job="node"}; empty: all of it.',
    )
    team = forms.ModelChoiceField(
        queryset=Team.unscoped.none(),
        to_field_name="slug",
        required=False,
        empty_label="Any team's",
        label="Whose",
    )
    keep_for = forms.CharField(
        max_length=20, label="Keep for", help_text="Weeks, days and hours: 2w, 30d."
    )

    def __init__(self, scope: Scope, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        teams = Team.objects.visible_to(scope)
        self.fields["team"].queryset = teams  # type: ignore[attr-defined]  # a model choice

    def clean_keep_for(self) -> timedelta:
        try:
            return parse_keep_for(self.cleaned_data["keep_for"])
        except InvalidRetentionError as error:
            raise forms.ValidationError(error.fields["keep_for"]) from None

    def draft(self) -> RetentionDraft:
        return RetentionDraft(**self.cleaned_data)

    def show(self, error: InvalidRetentionError) -> None:
        """Say at its field what the service refuses."""
        for name, texts in error.fields.items():
            self.add_error(name if name in self.fields else None, texts)


def retention_initial(draft: RetentionDraft) -> dict[str, Any]:
    return {
        "signal": draft.signal,
        "selector": draft.selector,
        "team": draft.team,
        "keep_for": keep_for_text(draft.keep_for),
    }
