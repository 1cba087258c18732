from __future__ import annotations

import django_filters
from django.db.models import Q, QuerySet

from sources.models import DeadLetter, Source
from sources.services.kinds import CHOICES


class SourceFilter(django_filters.FilterSet):
    kind = django_filters.ChoiceFilter(choices=CHOICES)
    status = django_filters.ChoiceFilter(choices=Source.Status.choices)
    team = django_filters.CharFilter(field_name="team__slug")
    q = django_filters.CharFilter(
        method="matching", label="Text in the name, the settings or the labels."
    )

    class Meta:
        model = Source
        fields: list[str] = []

    def matching(
        self, rows: QuerySet[Source], name: str, text: str
    ) -> QuerySet[Source]:
        return rows.filter(
            Q(name__icontains=text)
            | Q(config__icontains=text)
            | Q(labels__icontains=text)
        )


class DeadLetterFilter(django_filters.FilterSet):
    source = django_filters.CharFilter(field_name="source__name")

    class Meta:
        model = DeadLetter
        fields: list[str] = ["kind"]
