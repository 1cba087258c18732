"""Meteor's DDP, version 1, as a client speaks it with Rocket.Chat. Pure.

Reference: https://github.com/meteor/meteor/blob/devel/packages/ddp/DDP.md
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

CONNECT = orjson.dumps({"msg": "connect", "version": "1", "support": ["1"]}).decode()


@dataclass(frozen=True, slots=True)
class Told:
    """One message of the server, with the parts that we ask for."""

    kind: str
    body: Mapping[str, Any]

    @property
    def id(self) -> str:
        return str(self.body.get("id", ""))

    @property
    def subscriptions(self) -> list[str]:
        listed = self.body.get("subs")
        return [str(one) for one in listed] if isinstance(listed, list) else []

    @property
    def error(self) -> str:
        """What went wrong, in the server's words; empty for nothing."""
        error = self.body.get("error")
        if not error:
            return ""
        if not isinstance(error, Mapping):
            return str(error)
        return str(error.get("reason") or error.get("message") or error.get("error"))

    @property
    def event(self) -> tuple[str, list[Any]]:
        """The stream that something happened in, and what."""
        fields = self.body.get("fields")
        args = fields.get("args") if isinstance(fields, Mapping) else None
        listed = args if isinstance(args, list) else []
        return str(self.body.get("collection", "")), listed


def parse(message: str) -> Told:
    """What is no DDP, such as the old server's greeting, is of no kind."""
    try:
        body = orjson.loads(message)
    except orjson.JSONDecodeError:
        body = None
    if not isinstance(body, dict):
        return Told("", {})
    return Told(str(body.get("msg", "")), body)


def pong(ping: Told) -> str:
    return _written({"msg": "pong", **({"id": ping.id} if ping.id else {})})


def method(number: str, name: str, *params: Any) -> str:
    return _written({"msg": "method", "method": name, "id": number, "params": params})


def subscribe(number: str, name: str, event: str) -> str:
    return _written(
        {"msg": "sub", "id": number, "name": name, "params": [event, False]}
    )


def milliseconds(value: Any) -> int | None:
    """Return a date as EJSON or ISO 8601 has it, in milliseconds since the epoch."""
    if isinstance(value, Mapping):
        value = value.get("$date")
    if isinstance(value, int | float) and not isinstance(value, bool):
        return int(value)
    return None


def _written(message: Mapping[str, Any]) -> str:
    return orjson.dumps(message).decode()
