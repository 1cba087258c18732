"""Secrets at rest: encrypted with a key derived from SECRET_KEY."""

from __future__ import annotations

import base64
import hashlib

from cryptography.fernet import Fernet, InvalidToken
from django.conf import settings


class UnreadableSecretError(ValueError):
    """The secret was encrypted under another SECRET_KEY."""


def encrypt(plain: str) -> str:
    return _fernet().encrypt(plain.encode()).decode() if plain else ""


def decrypt(encrypted: str) -> str:
    """Raises UnreadableSecretError."""
    if not encrypted:
        return ""
    try:
        return _fernet().decrypt(encrypted.encode()).decode()
    except InvalidToken:
        raise UnreadableSecretError("SECRET_KEY has changed: enter it again.") from None


def _fernet() -> Fernet:
    digest = hashlib.sha256(b"vedette secrets at rest" + settings.SECRET_KEY.encode())
    return Fernet(base64.urlsafe_b64encode(digest.digest()))
