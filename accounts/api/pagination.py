from __future__ import annotations

import re
from typing import Any

from rest_framework import pagination
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from typing_extensions import override


class CursorPagination(pagination.CursorPagination):
    """Pages that stay right while rows arrive: `{"results": […], "next": url|null}`."""

    page_size_query_param = "limit"
    max_page_size = 1000
    ordering = "-id"

    @override
    def get_page_size(self, request: Request) -> int | None:
        text = request.query_params.get(self.page_size_query_param, "")
        if not text:
            return self.page_size
        if re.fullmatch(r"[0-9]{1,9}", text) and 1 <= int(text) <= self.max_page_size:
            return int(text)
        words = f"Use a whole number from 1 to {self.max_page_size}."
        raise ValidationError({self.page_size_query_param: [words]})

    @override
    def decode_cursor(self, request: Request) -> pagination.Cursor | None:
        try:
            return super().decode_cursor(request)
        except NotFound:
            words = "The cursor is not one of this API's."
            raise ValidationError({self.cursor_query_param: [words]}) from None

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
