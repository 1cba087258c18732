"""The base of every WebSocket: who is there, for which organization, and for how long."""

from __future__ import annotations

import asyncio
import base64
import binascii
import contextlib
import logging
from enum import IntEnum
from typing import Any
from urllib.parse import parse_qs, urlsplit

from channels.auth import get_user
from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncWebsocketConsumer
from django.contrib.sessions.backends.db import SessionStore
from django.db import Error as DatabaseError
from django.utils import timezone
from typing_extensions import override

from accounts.models import User
from accounts.scope import Permission, Scope
from accounts.services.scopes import (
    AmbiguousOrganizationError,
    NoMembershipError,
    scope_of_user,
)
from accounts.services.tokens import (
    NoOrganizationError,
    UnknownOrganizationError,
    find_token,
    scope_of_token,
)

logger = logging.getLogger(__name__)

REAUTHORISE_SECONDS = 30


class CloseCode(IntEnum):
    """Why the server ended the connection; 4000 and up are an application's own."""

    ORGANIZATION_UNNAMED = 4400
    UNAUTHENTICATED = 4401
    FORBIDDEN = 4403
    NOT_FOUND = 4404
    TOO_SLOW = 4408
    TOO_MANY_MESSAGES = 4429


class ScopeRefusedError(Exception):
    """The client may not be here; `code` tells it why."""

    def __init__(self, code: CloseCode) -> None:
        super().__init__(code.name)
        self.code = code


class OrganizationConsumer(AsyncWebsocketConsumer):
    """A socket of one organization's: `self.access` is its scope, looked at anew every
    half minute: a revoked token, a log-out or a lost membership ends the connection."""

    access: Scope
    _reauthorising: asyncio.Task[None] | None = None

    async def connect(self) -> None:
        await self.accept()
        try:
            self.access = await self._resolve()
        except ScopeRefusedError as refusal:
            await self.close(code=refusal.code)
            return
        self._reauthorising = asyncio.create_task(self._reauthorise())
        await self.opened()

    async def opened(self) -> None:
        """Called once the scope is known."""

    @override
    async def close(self, code: Any = None, reason: str | None = None) -> None:
        """End the connection. Daphne sends plain integers only, no IntEnum."""
        await super().close(code=None if code is None else int(code), reason=reason)

    async def disconnect(self, code: int) -> None:
        if self._reauthorising is not None:
            self._reauthorising.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._reauthorising

    async def _reauthorise(self) -> None:
        while True:
            await asyncio.sleep(REAUTHORISE_SECONDS)
            try:
                self.access = await self._resolve()
            except ScopeRefusedError as refusal:
                await self.close(code=refusal.code)
                return
            except DatabaseError as error:
                logger.warning("Access could not be looked at anew: %s", error)

    async def _resolve(self) -> Scope:
        headers = {k.lower(): v.decode("latin-1") for k, v in self.scope["headers"]}
        client = self.scope.get("client")
        scope: Scope = await database_sync_to_async(resolve_scope)(
            headers,
            requested_slug=self._requested_slug(headers),
            user_id=await _session_user_id(self.scope),
            ip=client[0] if client and client[0] else None,
        )
        return scope

    def _requested_slug(self, headers: dict[bytes, str]) -> str | None:
        query = parse_qs(self.scope.get("query_string", b"").decode("latin-1"))
        return headers.get(b"x-scope-orgid") or next(iter(query.get("org", [])), None)


async def _session_user_id(scope: Any) -> int | None:
    """Return whose session it is, as it is stored now: a log-out may have ended it."""
    session = scope.get("session")
    if session is None or not session.session_key:
        return None
    user = await get_user({"session": SessionStore(session.session_key)})
    return user.pk if user.is_authenticated else None


def resolve_scope(
    headers: dict[bytes, str],
    *,
    requested_slug: str | None,
    user_id: int | None,
    ip: str | None,
) -> Scope:
    """Return the scope of a token (Bearer, or the password of Basic) or of a session.

    Raises ScopeRefusedError.
    """
    scheme, _, secret = headers.get(b"authorization", "").partition(" ")
    try:
        if scheme.lower() in {"bearer", "basic"}:
            is_basic = scheme.lower() == "basic"
            secret = _password(secret) if is_basic else secret
            scope = _scope_of_secret(secret.strip(), requested_slug, ip)
        else:
            scope = _scope_of_session(headers, user_id, requested_slug, ip)
    except (NoOrganizationError, AmbiguousOrganizationError):
        raise ScopeRefusedError(CloseCode.ORGANIZATION_UNNAMED) from None
    except (UnknownOrganizationError, NoMembershipError):
        raise ScopeRefusedError(CloseCode.NOT_FOUND) from None
    if not scope.may(Permission.READ):
        raise ScopeRefusedError(CloseCode.FORBIDDEN)
    return scope


def _scope_of_secret(secret: str, slug: str | None, ip: str | None) -> Scope:
    token = find_token(secret, now=timezone.now())
    if token is None:
        raise ScopeRefusedError(CloseCode.UNAUTHENTICATED)
    return scope_of_token(token, requested_slug=slug, ip=ip)


def _password(encoded: str) -> str:
    """Return the password of a user that may be called anything, or nothing."""
    try:
        return (
            base64.b64decode(encoded.strip(), validate=True).decode().partition(":")[2]
        )
    except (binascii.Error, UnicodeDecodeError):
        return ""


def _scope_of_session(
    headers: dict[bytes, str], user_id: int | None, slug: str | None, ip: str | None
) -> Scope:
    if user_id is None:
        raise ScopeRefusedError(CloseCode.UNAUTHENTICATED)
    if not is_same_origin(headers):
        raise ScopeRefusedError(CloseCode.FORBIDDEN)
    user = User.objects.filter(pk=user_id, is_active=True).first()
    if user is None:
        raise ScopeRefusedError(CloseCode.UNAUTHENTICATED)
    return scope_of_user(user, slug, ip=ip)


def is_same_origin(headers: dict[bytes, str]) -> bool:
    """Whether the page that opened the socket is ours: a session's cookie alone does
    not tell, as browsers send it from any page (cross-site WebSocket hijacking)."""
    origin, host = headers.get(b"origin"), headers.get(b"host", "")
    return origin is None or urlsplit(origin).netloc == host
