"""A program that speaks the REST API with a token."""

from __future__ import annotations

from rest_framework.test import APIClient

from tests.factories.accounts import make_token


class TokenClient(APIClient):
    """Calls /api/v1 with a bearer token; paths are given without the prefix."""

    def __init__(self, secret: str, organization: str | None = None) -> None:
        super().__init__()
        headers = {"HTTP_AUTHORIZATION": f"Bearer {secret}"}
        if organization:
            headers["HTTP_X_SCOPE_ORGID"] = organization
        self.credentials(**headers)

    def generic(self, method, path, *args, **kwargs):
        if path.startswith("/") and not path.startswith(
            ("/api/", "/prometheus/", "/loki/")
        ):
            path = f"/api/v1{path}"
        return super().generic(method, path, *args, **kwargs)


def client_for(organization, *permissions, **kwargs) -> TokenClient:
    return TokenClient(make_token(organization, *permissions, **kwargs))
