from __future__ import annotations

import pytest

pytestmark = [pytest.mark.integration, pytest.mark.django_db]


@pytest.mark.parametrize(
    ("path", "method"),
    [
        ("/api/v1/logs", "post"),
        ("/api/v1/logs", "get"),
        ("/api/v1/metrics", "post"),
        ("/api/v1/sources", "post"),
        ("/api/v1/sources/{id}", "patch"),
        ("/api/v1/dead-letters/{id}/replay", "post"),
        ("/api/v1/pipeline", "get"),
    ],
)
def test_the_openapi_document_knows_the_route(client, path, method):
    document = client.get("/api/schema/", HTTP_ACCEPT="application/json").json()

    assert method in document["paths"][path]
