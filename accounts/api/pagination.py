from __future__ import annotations

from typing import Any

from rest_framework import pagination
from rest_framework.response import Response
from typing_extensions import override


class CursorPagination(pagination.CursorPagination):
    """Pages that stay right while rows arrive: `{"results": […], "next": url|null}`."""

    page_size_query_param = "limit"
    max_page_size = 1000
    ordering = "-id"

    @override
    def get_paginated_response(self, data: Any) -> Response:
        return Response({"results": data, "next": self.get_next_link()})

    @override
    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        return {
            "type": "object",
            "required": ["results", "next"],
            "properties": {
                "results": schema,
                "next": {"type": "string", "format": "uri", "nullable": True},
            },
        }
