from __future__ import annotations

from typing import Any

from django import forms

from accounts.models import Team
from accounts.scope import Scope
from sources.models import Heartbeat
from sources.services.heartbeats.settings import HeartbeatSettings

_LISTS = ("tags", "start_words", "success_words", "failure_words")
_MINUTE = 60


class HeartbeatForm(forms.Form):
    """All settings of a heartbeat; durations are asked for in minutes."""

    name = forms.CharField(max_length=100, required=False)
    slug = forms.CharField(
        max_length=100,
        required=False,
        help_text="For its address by name; made from the name when left empty.",
    )
    tags = forms.CharField(required=False, help_text="Words, with spaces between them.")
    team = forms.ModelChoiceField(
        queryset=Team.unscoped.none(),
        to_field_name="slug",
        empty_label="The whole organization",
        required=False,
    )
    kind = forms.ChoiceField(
        choices=Heartbeat.Kind.choices, label="Expected", initial=Heartbeat.Kind.TIMEOUT
    )
    timeout_minutes = forms.FloatField(
        label="Every so many minutes", initial=1440, required=False, min_value=1
    )
    schedule = forms.CharField(
        label="Schedule",
        widget=forms.Textarea(attrs={"rows": 2}),
        initial="0 3 * * *",
        required=False,
        help_text="Cron as “0 3 * * *”, or systemd's “Mon..Fri 03:00”.",
    )
    zone = forms.CharField(
        label="Time zone of the schedule", initial="UTC", required=False
    )
    grace_minutes = forms.FloatField(
        label="Grace, in minutes",
        initial=60,
        min_value=1,
        help_text="How late it may be, and how long a job that has started may take.",
    )
    post_only = forms.BooleanField(
        label="Only POST counts",
        help_text="So that a link preview is not taken for a ping.",
        required=False,
    )
    failure_words = forms.CharField(
        label="Words of failure",
        widget=forms.Textarea(attrs={"rows": 2}),
        required=False,
        help_text="One a line. A ping whose body has one of them says the job failed.",
    )
    success_words = forms.CharField(
        label="Words of success",
        widget=forms.Textarea(attrs={"rows": 2}),
        required=False,
        help_text="One a line. With any words set, a body with none of them is ignored.",
    )
    start_words = forms.CharField(
        label="Words of a start",
        widget=forms.Textarea(attrs={"rows": 2}),
        required=False,
        help_text="One a line.",
    )
    manual_resume = forms.BooleanField(label="Stay paused when pinged", required=False)
    description = forms.CharField(
        widget=forms.Textarea(attrs={"rows": 3}), required=False, max_length=10_000
    )

    def __init__(
        self,
        scope: Scope,
        *args: Any,
        heartbeat: Heartbeat | None = None,
        **kwargs: Any,
    ) -> None:
        if heartbeat is not None:
            kwargs["initial"] = _initial_of(heartbeat)
        super().__init__(*args, **kwargs)
        teams = Team.objects.visible_to(scope)
        self.fields["team"].queryset = teams  # type: ignore[attr-defined]  # a model choice

    def settings(self) -> HeartbeatSettings:
        """Return what the services take; for a form that is valid."""
        data = dict(self.cleaned_data)
        timeout = data.pop("timeout_minutes") or 0
        grace = data.pop("grace_minutes")
        for name in _LISTS:
            words = data[name].split() if name == "tags" else data[name].splitlines()
            data[name] = [word.strip() for word in words if word.strip()]
        return HeartbeatSettings(
            timeout_seconds=round(timeout * _MINUTE),
            grace_seconds=round(grace * _MINUTE),
            **data,
        )


def _initial_of(heartbeat: Heartbeat) -> dict[str, Any]:
    plain = HeartbeatSettings.of(heartbeat).changes()
    lines = {name: "\n".join(plain[name]) for name in _LISTS}
    return {
        **plain,
        **lines,
        "tags": " ".join(heartbeat.tags),
        "team": heartbeat.team.slug if heartbeat.team else None,
        "timeout_minutes": heartbeat.timeout_seconds / _MINUTE,
        "grace_minutes": heartbeat.grace_seconds / _MINUTE,
    }
