from __future__ import annotations

from typing import Any

from rest_framework import serializers

from accounts.api.serializers import StrictSerializer
from sources.models import LogFormat


class LogFormatSerializer(StrictSerializer):
    """A format that the organization describes itself."""

    id = serializers.IntegerField(read_only=True)
    name = serializers.CharField(max_length=40)
    title = serializers.CharField(max_length=100, required=False, allow_blank=True)
    syntax = serializers.ChoiceField(choices=[s.value for s in LogFormat.Syntax])
    expression = serializers.CharField(max_length=4000, trim_whitespace=False)
    time_format = serializers.CharField(
        max_length=100, required=False, allow_blank=True, trim_whitespace=False
    )
    event_start = serializers.CharField(
        max_length=1000, required=False, allow_blank=True, trim_whitespace=False
    )
    example = serializers.CharField(
        max_length=10_000, required=False, allow_blank=True, trim_whitespace=False
    )
    detected = serializers.BooleanField(required=False)
    created_at = serializers.DateTimeField(read_only=True)
    updated_at = serializers.DateTimeField(read_only=True)


class FormatTestSerializer(StrictSerializer):
    """A description, and lines to try it on."""

    syntax = serializers.ChoiceField(choices=[s.value for s in LogFormat.Syntax])
    expression = serializers.CharField(max_length=4000, trim_whitespace=False)
    time_format = serializers.CharField(
        max_length=100, required=False, allow_blank=True, default=""
    )
    event_start = serializers.CharField(
        max_length=1000,
        required=False,
        allow_blank=True,
        trim_whitespace=False,
        default="",
    )
    sample = serializers.CharField(
        max_length=64 * 2**10, trim_whitespace=False, allow_blank=True
    )


class TestedLineSerializer(serializers.Serializer[Any]):
    line = serializers.CharField()
    timestamp = serializers.CharField(allow_null=True)
    level = serializers.CharField()
    fields = serializers.DictField(child=serializers.CharField())  # type: ignore[assignment]  # the API's word
    matched = serializers.BooleanField()


class FormatTestedSerializer(serializers.Serializer[Any]):
    """What a description makes of the lines."""

    matched = serializers.IntegerField()
    total = serializers.IntegerField()
    lines = TestedLineSerializer(many=True)
