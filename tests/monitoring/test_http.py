from __future__ import annotations

import pytest
from django.test import AsyncRequestFactory, RequestFactory

from monitoring.http import download

pytestmark = pytest.mark.unit

NAMED = {"filename": "a.log", "content_type": "text/plain"}


async def test_a_file_is_made_while_an_asgi_server_sends_it():
    made = []

    def pieces():
        for piece in (b"one", b"two"):
            made.append(piece)
            yield piece

    response = download(AsyncRequestFactory().get("/"), pieces(), **NAMED)
    received = aiter(response)

    assert made == []
    assert await anext(received) == b"one"
    assert made == [b"one"]
    assert [piece async for piece in received] == [b"two"]


def test_a_file_has_a_name_and_is_never_shown_as_a_page():
    response = download(RequestFactory().get("/"), iter([b"<b>"]), **NAMED)

    assert response["Content-Disposition"] == 'attachment; filename="a.log"'
    assert response["X-Content-Type-Options"] == "nosniff"
    assert b"".join(response.streaming_content) == b"<b>"
