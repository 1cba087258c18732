from __future__ import annotations

import asyncio

import httpx
import pytest

from sources.ingest import IngestEdge
from sources.services.backlog import backlog
from tests.sources.ingest.serving import LiveServer


async def inner(scope, receive, send):
    """Stands for Django: says that it was asked."""
    await send({"type": "http.response.start", "status": 299, "headers": []})
    await send({"type": "http.response.body", "body": b"inner"})


class Client:
    """A sender with a token; several bodies are sent at the same time."""

    def __init__(self, edge: IngestEdge) -> None:
        self.edge = edge
        self.headers: dict[str, str] = {}

    def as_token(self, secret: str, organization: str | None = None) -> Client:
        self.headers = {"Authorization": f"Bearer {secret}"}
        if organization is not None:
            self.headers["X-Scope-OrgID"] = organization
        return self

    def post(self, path: str, body, **headers: str) -> httpx.Response:
        return self.send("POST", path, body, **headers)

    def send(self, method: str, path: str, body=b"", **headers: str) -> httpx.Response:
        return asyncio.run(self._send(method, path, [body], headers))[0]

    def post_at_once(self, path: str, bodies, **headers: str) -> list[httpx.Response]:
        return asyncio.run(self._send("POST", path, bodies, headers))

    async def _send(self, method, path, bodies, headers) -> list[httpx.Response]:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        transport = httpx.ASGITransport(app=self.edge)
        async with httpx.AsyncClient(
            transport=transport, base_url="http://edge", headers=self.headers
        ) as client:
            sends = [
                client.request(method, path, content=b, headers=named) for b in bodies
            ]
            return await asyncio.gather(*sends)


@pytest.fixture(scope="session")
def daphne():
    server = LiveServer().start()
    yield server
    server.stop()


@pytest.fixture
def edge(transactional_db, redis_client):
    backlog.forget()
    edge = IngestEdge(inner)
    yield edge
    edge.close()


@pytest.fixture
def client(edge):
    return Client(edge)
