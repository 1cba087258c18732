"""Notification channels: made, changed, tried out and deleted; secrets stay inside."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction

from accounts.models import Team
from accounts.scope import Scope
from accounts.services import audit
from accounts.services.secrets import encrypt
from alerts.delivery import InvalidConfigError, adapter_of
from alerts.models import NotificationChannel
from alerts.services.access import require_maintainer
from alerts.services.messages import test_message
from alerts.services.notifications import target_of
from alerts.services.presentation import HIDDEN, channel_json

MAX_SECRET = 500


class InvalidChannelError(ValueError):
    """The channel cannot work; `fields` says what to mend."""

    def __init__(self, fields: dict[str, Any]) -> None:
        super().__init__(str(fields))
        self.fields = fields


@dataclass(frozen=True, slots=True)
class ChannelDraft:
    """What a channel is to be; `secret` None keeps the one it has."""

    name: str
    kind: str
    config: Mapping[str, Any]
    secret: str | None = None
    team: Team | None = None
    is_default: bool = False
    enabled: bool = True


def draft_of(channel: NotificationChannel) -> ChannelDraft:
    return ChannelDraft(
        name=channel.name,
        kind=channel.kind,
        config=channel.config,
        team=channel.team,
        is_default=channel.is_default,
        enabled=channel.enabled,
    )


@transaction.atomic
def create_channel(scope: Scope, draft: ChannelDraft) -> NotificationChannel:
    """Raises PermissionDenied and InvalidChannelError."""
    require_maintainer(scope, draft.team.pk if draft.team else None)
    channel = NotificationChannel(organization_id=scope.organization_id)
    _write(scope, channel, draft)
    audit.record(scope, "channel.create", channel, after=channel_json(channel))
    return channel


@transaction.atomic
def update_channel(
    scope: Scope, channel: NotificationChannel, draft: ChannelDraft
) -> NotificationChannel:
    """Raises PermissionDenied and InvalidChannelError."""
    require_maintainer(scope, channel.team_id)
    require_maintainer(scope, draft.team.pk if draft.team else None)
    before = channel_json(channel)
    _write(scope, channel, draft)
    old, new = audit.differences(before, channel_json(channel))
    audit.record(scope, "channel.update", channel, before=old, after=new)
    return channel


@transaction.atomic
def delete_channel(scope: Scope, channel: NotificationChannel) -> None:
    """Delete the channel, and what waits for it. Raises PermissionDenied."""
    require_maintainer(scope, channel.team_id)
    audit.record(scope, "channel.delete", channel, before=channel_json(channel))
    channel.delete()


def send_test(scope: Scope, channel: NotificationChannel, *, now: datetime) -> None:
    """Deliver a test message now. Raises PermissionDenied and DeliveryError."""
    require_maintainer(scope, channel.team_id)
    adapter = adapter_of(channel.kind)
    adapter.send(target_of(channel), test_message(channel, now=now), now=now)


def _write(scope: Scope, channel: NotificationChannel, draft: ChannelDraft) -> None:
    """Check the draft as a whole and save it."""
    errors: dict[str, Any] = {}
    if not draft.name.strip() or len(draft.name) > 100:  # noqa: PLR2004 - the column's length
        errors["name"] = ["Give a name of 100 characters at most."]
    elif _is_taken(scope, draft.name, channel):
        errors["name"] = ["Another channel has this name."]
    if draft.kind not in NotificationChannel.Kind.values:
        kinds = ", ".join(NotificationChannel.Kind.values)
        raise InvalidChannelError({**errors, "kind": [f"Choose one of {kinds}."]})
    if draft.secret is not None and len(draft.secret) > MAX_SECRET:
        errors["secret"] = [f"Give {MAX_SECRET} characters at most."]
    try:
        config = _with_kept_headers(draft.config, channel.config or {})
        config = adapter_of(draft.kind).clean(config, draft.secret or "")
    except InvalidConfigError as error:
        errors["config"] = error.fields
    if errors:
        raise InvalidChannelError(errors)
    channel.name, channel.kind, channel.config = draft.name, draft.kind, config
    channel.team, channel.enabled = draft.team, draft.enabled
    channel.is_default = draft.is_default
    if draft.secret is not None:
        channel.secret = encrypt(draft.secret)
    channel.save()


def _with_kept_headers(
    config: Mapping[str, Any], stored: Mapping[str, Any]
) -> Mapping[str, Any]:
    """Put the stored values of headers where the editor was shown none of them.

    They go nowhere else than to the address that they were given for.
    """
    headers, kept = config.get("headers"), stored.get("headers") or {}
    if not isinstance(headers, dict) or HIDDEN not in headers.values():
        return config
    hidden = {name for name, value in headers.items() if value == HIDDEN}
    if hidden - kept.keys() or config.get("url") != stored.get("url"):
        names = ", ".join(sorted(hidden))
        raise InvalidConfigError({"headers": [f"Give the value of {names} again."]})
    return {**config, "headers": {**headers, **{name: kept[name] for name in hidden}}}


def _is_taken(scope: Scope, name: str, channel: NotificationChannel) -> bool:
    """Names are one an organization, so also one that the actor cannot see is taken."""
    same = NotificationChannel.unscoped.filter(
        organization_id=scope.organization_id, name=name
    )
    return same.exclude(pk=channel.pk).exists()
