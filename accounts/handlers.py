"""What accounts do when their own rows change."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.db.models.signals import post_delete, post_save

from accounts.models import ApiToken
from accounts.services.tokens import forget_token


def listen() -> None:
    post_save.connect(_on_token, sender=ApiToken, dispatch_uid="token saved")
    post_delete.connect(_on_token, sender=ApiToken, dispatch_uid="token deleted")


def _on_token(instance: ApiToken, **_more: Any) -> None:
    """Let go of what is believed: at once, and when others can see the change."""
    forget_token(instance)
    transaction.on_commit(lambda: forget_token(instance))
