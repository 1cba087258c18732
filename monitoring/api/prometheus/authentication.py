"""The token as a password: Grafana, promtool and Prometheus itself send it so."""

from __future__ import annotations

import base64
import binascii

from django.utils import timezone
from rest_framework import authentication, exceptions
from rest_framework.request import Request
from typing_extensions import override

from accounts.api.authentication import TokenUser
from accounts.models import ApiToken
from accounts.services.tokens import believed_token


class BasicTokenAuthentication(authentication.BaseAuthentication):
    """`Authorization: Basic …` with the token as password; the user may be anything."""

    @override
    def authenticate(self, request: Request) -> tuple[TokenUser, ApiToken] | None:
        scheme, _, encoded = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "basic":
            return None
        token = believed_token(_password(encoded), now=timezone.now())
        if token is None:
            raise exceptions.AuthenticationFailed(
                "The password is no token, or one that has expired or been revoked."
            )
        return TokenUser(token), token

    @override
    def authenticate_header(self, request: Request) -> str:
        return "Basic"


def _password(encoded: str) -> str:
    try:
        pair = base64.b64decode(encoded.strip(), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        raise exceptions.AuthenticationFailed(
            "The credentials are not base64 of user:password."
        ) from None
    return pair.partition(":")[2]
