"""How connectors that ask others name themselves, whom they trust, and what they log
in with."""

from __future__ import annotations

import base64
import ssl
from collections.abc import Mapping
from typing import Any

USER_AGENT = "Vedette"


def tls_context(*, verify: bool, ca: str = "") -> ssl.SSLContext:
    """Return a client's context; `ca` holds certificates in PEM, empty: the system's.

    Raises ssl.SSLError when they cannot be read.
    """
    context = ssl.create_default_context(cadata=ca or None)
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def context_of(config: Mapping[str, Any]) -> ssl.SSLContext:
    """Return what tls_verify and tls_ca ask for. Raises ssl.SSLError."""
    return tls_context(
        verify=config.get("tls_verify", True), ca=config.get("tls_ca") or ""
    )


def authorization(username: str, password: str, bearer_token: str) -> Mapping[str, str]:
    """Return the header that says who asks, or none; a user goes before a token."""
    if username or password:
        pair = base64.b64encode(f"{username}:{password}".encode()).decode()
        return {"Authorization": f"Basic {pair}"}
    return {"Authorization": f"Bearer {bearer_token}"} if bearer_token else {}


def authorization_of(config: Mapping[str, Any]) -> Mapping[str, str]:
    return authorization(
        config.get("username", ""),
        config.get("password", ""),
        config.get("bearer_token", ""),
    )
