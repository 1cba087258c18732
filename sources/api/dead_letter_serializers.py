from __future__ import annotations

from typing import Any

from rest_framework import serializers

from accounts.api.serializers import StrictSerializer
from sources.models import DeadLetter
from sources.services.dead_letters import samples_of


class DeadLetterSerializer(serializers.ModelSerializer[DeadLetter]):
    source = serializers.SerializerMethodField()  # type: ignore[assignment]  # the API's word
    team = serializers.SerializerMethodField()

    class Meta:
        model = DeadLetter
        fields = [
            "id",
            "source",
            "team",
            "kind",
            "count",
            "size",
            "received_at",
            "attempts",
            "error",
            "failed_at",
        ]

    def get_source(self, letter: DeadLetter) -> dict[str, Any] | None:
        source = letter.source
        return None if source is None else {"id": source.pk, "name": source.name}

    def get_team(self, letter: DeadLetter) -> str | None:
        return letter.team.slug if letter.team else None


class DeadLetterDetailSerializer(DeadLetterSerializer):
    """With the first records of the batch, as the source's masks would show them."""

    samples = serializers.SerializerMethodField()

    class Meta(DeadLetterSerializer.Meta):
        fields = [*DeadLetterSerializer.Meta.fields, "samples"]

    def get_samples(self, letter: DeadLetter) -> list[str]:
        return samples_of(letter)


class ReplaySerializer(StrictSerializer):
    """Which dead letters; all that the caller may replay when none are named."""

    ids = serializers.ListField(
        child=serializers.IntegerField(), required=False, max_length=1000
    )


class ReplayedSerializer(serializers.Serializer[Any]):
    replayed = serializers.IntegerField()
