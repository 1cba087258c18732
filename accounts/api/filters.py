from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django_filters.rest_framework import DjangoFilterBackend
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.views import APIView
from typing_extensions import override

PAGING = ("cursor", "limit")


class FilterBackend(DjangoFilterBackend):
    """Filters lists; a parameter that no filter knows is refused, not passed over."""

    @override
    def filter_queryset(
        self, request: Request, queryset: QuerySet[Any], view: APIView
    ) -> QuerySet[Any]:
        if getattr(view, "action", "list") == "list":
            filters = self.get_filterset_class(view, queryset)
            names = filters.base_filters if filters else ()
            self._refuse_unknown(request, {*names, *PAGING})
        found: QuerySet[Any] = super().filter_queryset(request, queryset, view)
        return found

    def _refuse_unknown(self, request: Request, known: set[str]) -> None:
        unknown = sorted(request.query_params.keys() - known)
        if unknown:
            words = [f"Unknown parameter; known: {', '.join(sorted(known))}."]
            raise ValidationError(dict.fromkeys(unknown, words))
