"""Shapes of the telemetry answers: they make the OpenAPI document."""

from __future__ import annotations

from rest_framework import serializers


class LogRecordSerializer(serializers.Serializer[dict[str, object]]):
    id = serializers.CharField(help_text="For `logs/context`.")
    timestamp = serializers.CharField(help_text="RFC 3339 with nanoseconds.")
    line = serializers.CharField()
    level = serializers.CharField()
    labels = serializers.DictField(child=serializers.CharField())
    fields = serializers.DictField(child=serializers.CharField())  # type: ignore[assignment]
    source = serializers.CharField()  # type: ignore[assignment]


class LogPageSerializer(serializers.Serializer[dict[str, object]]):
    results = LogRecordSerializer(many=True)
    next = serializers.URLField(allow_null=True, help_text="Address of the next page.")


class LineContextSerializer(serializers.Serializer[dict[str, object]]):
    before = LogRecordSerializer(many=True)
    line = LogRecordSerializer()
    after = LogRecordSerializer(many=True)


class FieldValueSerializer(serializers.Serializer[dict[str, object]]):
    value = serializers.CharField()
    count = serializers.IntegerField()


class FieldSerializer(serializers.Serializer[dict[str, object]]):
    name = serializers.CharField()
    lines = serializers.IntegerField(help_text="Lines that have it.")
    distinct = serializers.IntegerField(
        allow_null=True, help_text="Number of its values; null: more than 50,000."
    )
    top = FieldValueSerializer(many=True)


class FieldCountsSerializer(serializers.Serializer[dict[str, object]]):
    lines = serializers.IntegerField(help_text="Lines that were counted.")
    sampled = serializers.BooleanField(
        help_text="Whether these are only the newest of more lines."
    )
    levels = serializers.DictField(child=serializers.IntegerField())
    results = FieldSerializer(many=True)


class LogPatternSerializer(serializers.Serializer[dict[str, object]]):
    template = serializers.CharField(
        help_text="What changes is written as <_>: LogQL's |> finds its lines with it."
    )
    level = serializers.CharField()
    count = serializers.IntegerField(help_text="Lines in the range.")
    share = serializers.FloatField(help_text="Of all counted lines, 0 to 1.")
    first_seen = serializers.DateTimeField()
    last_seen = serializers.DateTimeField()
    sample = serializers.CharField()
    streams = serializers.IntegerField()
    counts = serializers.ListField(child=serializers.IntegerField())


class LogPatternsSerializer(serializers.Serializer[dict[str, object]]):
    start = serializers.FloatField(help_text="Of the first step, in Unix seconds.")
    step_seconds = serializers.IntegerField()
    lines = serializers.IntegerField(help_text="Lines of all patterns.")
    total = serializers.IntegerField(help_text="Number of all patterns.")
    results = LogPatternSerializer(many=True)


class CountSerializer(serializers.Serializer[dict[str, object]]):
    count = serializers.IntegerField()


class VolumeBucketSerializer(serializers.Serializer[dict[str, object]]):
    start = serializers.CharField()
    levels = serializers.DictField(child=serializers.IntegerField())


class VolumeSerializer(serializers.Serializer[dict[str, object]]):
    step = serializers.FloatField(help_text="Seconds.")
    results = VolumeBucketSerializer(many=True)


class LabelsSerializer(serializers.Serializer[dict[str, object]]):
    labels = serializers.DictField(
        child=serializers.ListField(child=serializers.CharField())
    )


class SampleSerializer(serializers.Serializer[dict[str, object]]):
    name = serializers.CharField()
    labels = serializers.DictField(child=serializers.CharField())
    value = serializers.FloatField(allow_null=True, help_text="null: not a number.")
    timestamp = serializers.CharField()
    type = serializers.CharField()
    unit = serializers.CharField()


class SnapshotSerializer(serializers.Serializer[dict[str, object]]):
    timestamp = serializers.CharField()
    metrics = SampleSerializer(many=True)


class SeriesHistorySerializer(serializers.Serializer[dict[str, object]]):
    labels = serializers.DictField(child=serializers.CharField())
    avg = serializers.ListField(child=serializers.FloatField(allow_null=True))
    min = serializers.ListField(child=serializers.FloatField(allow_null=True))
    max = serializers.ListField(child=serializers.FloatField(allow_null=True))
    last = serializers.ListField(child=serializers.FloatField(allow_null=True))
    count = serializers.ListField(child=serializers.IntegerField())


class HistorySerializer(serializers.Serializer[dict[str, object]]):
    name = serializers.CharField()
    start = serializers.CharField()
    end = serializers.CharField()
    resolution = serializers.FloatField(help_text="Seconds.")
    timestamps = serializers.ListField(
        child=serializers.FloatField(), help_text="Unix seconds at which steps begin."
    )
    series = SeriesHistorySerializer(many=True)


class LiveEventSerializer(serializers.Serializer[dict[str, object]]):
    data = serializers.DictField()  # type: ignore[assignment]
