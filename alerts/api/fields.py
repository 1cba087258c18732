"""Fields that several serializers of rules and channels have."""

from __future__ import annotations

import math
from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from typing_extensions import override

from accounts.models import Team
from accounts.scope import Scope
from alerts.models import NotificationChannel
from alerts.services.rule_drafts import written_matcher
from monitoring.durations import InvalidDurationError, parse_duration


@extend_schema_field({"oneOf": [{"type": "integer"}, {"type": "string"}]})
class SecondsField(serializers.Field[int, Any, int, Any]):
    """Whole seconds: 120, or "2m"."""

    @override
    def to_internal_value(self, data: Any) -> int:
        if isinstance(data, bool) or not isinstance(data, int | float | str):
            raise serializers.ValidationError("Give seconds, or a text such as 5m.")
        try:
            duration = parse_duration(str(data))
        except InvalidDurationError as error:
            raise serializers.ValidationError(str(error)) from None
        seconds = duration.total_seconds()
        if seconds != int(seconds):
            raise serializers.ValidationError("Give whole seconds.")
        return int(seconds)

    @override
    def to_representation(self, value: int) -> int:
        return value


@extend_schema_field(OpenApiTypes.DOUBLE)
class NumberField(serializers.Field[float, Any, float, Any]):
    """A finite number; texts are none."""

    @override
    def to_internal_value(self, data: Any) -> float:
        if isinstance(data, bool) or not isinstance(data, int | float):
            raise serializers.ValidationError("Give a number.")
        try:
            number = float(data)
        except OverflowError:
            number = math.inf
        if not math.isfinite(number):
            raise serializers.ValidationError("Give a finite number.")
        return number

    @override
    def to_representation(self, value: float) -> float:
        return value


@extend_schema_field(
    {"oneOf": [{"type": "integer"}, {"type": "string"}], "nullable": True}
)
class TeamField(serializers.Field[Team, Any, Any, Any]):
    """A team by its id or slug, or as answers show it; null: the whole organization."""

    @override
    def to_internal_value(self, data: Any) -> Team:
        if isinstance(data, dict):
            data = data.get("id")
        scope: Scope = self.context["scope"]
        teams = Team.objects.visible_to(scope)
        found = None
        if isinstance(data, int) and not isinstance(data, bool):
            found = teams.filter(pk=data).first()
        elif isinstance(data, str):
            found = teams.filter(slug=data).first()
        if found is None:
            raise serializers.ValidationError(f"There is no team “{data}”.")
        return found

    @override
    def to_representation(self, value: Team) -> Any:
        return value.slug


@extend_schema_field({"oneOf": [{"type": "integer"}, {"type": "string"}]})
class ChannelField(serializers.Field[NotificationChannel, Any, Any, Any]):
    """A notification channel by its id or name."""

    @override
    def to_internal_value(self, data: Any) -> NotificationChannel:
        scope: Scope = self.context["scope"]
        channels = NotificationChannel.objects.visible_to(scope)
        found = None
        if isinstance(data, int) and not isinstance(data, bool):
            found = channels.filter(pk=data).first()
        elif isinstance(data, str):
            found = channels.filter(name=data).first()
        if found is None:
            message = f"There is no notification channel “{data}”."
            raise serializers.ValidationError(message)
        return found

    @override
    def to_representation(self, value: NotificationChannel) -> int:
        return value.pk


@extend_schema_field(
    {
        "type": "array",
        "items": {
            "type": "object",
            "required": ["name", "value"],
            "properties": {
                "name": {"type": "string"},
                "op": {"type": "string", "enum": ["=", "!=", "=~", "!~"]},
                "value": {"type": "string"},
            },
        },
    }
)
class MatchersField(serializers.Field[list[dict[str, str]], Any, Any, Any]):
    """Matchers: `[{"name", "op", "value"}]`, `['source="app"']` or `{"source": "app"}`."""

    @override
    def to_internal_value(self, data: Any) -> list[dict[str, str]]:
        if isinstance(data, dict):
            data = [{"name": name, "value": value} for name, value in data.items()]
        if not isinstance(data, list):
            raise serializers.ValidationError("Give a list of matchers.")
        return [self._matcher(item) for item in data]

    @override
    def to_representation(self, value: list[dict[str, str]]) -> Any:
        return value

    def _matcher(self, item: Any) -> dict[str, str]:
        if isinstance(item, str) and (found := written_matcher(item)):
            return found
        named = isinstance(item, dict) and {"name", "value"} <= set(item)
        if named and all(isinstance(part, str) for part in item.values()):
            return {"op": "=", **item}
        raise serializers.ValidationError(
            f'“{item}” is no matcher: write {{"name": …, "op": "=", "value": …}}.'
        )
