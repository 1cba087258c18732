"""Decoders of what is sent in: bytes to one batch, and a reason for what is refused.

Pure: the edge gives them a bounded body and the labels that the sender's source adds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from monitoring.telemetry import LogBatch, SampleBatch

Batch = TypeVar("Batch", LogBatch, SampleBatch)


SHOWN_CHARACTERS = 60


def shown(value: object) -> str:
    """Return a sender's value as an error quotes it: bounded, and on one line."""
    text = str(value)
    cut = text if len(text) <= SHOWN_CHARACTERS else text[: SHOWN_CHARACTERS - 1] + "…"
    return repr(cut)


class MalformedBodyError(ValueError):
    """Nothing of the body can be read; the text says what to send instead."""


@dataclass(frozen=True, slots=True)
class Rejection:
    """One record that is not taken: its place in the body, from 0, and why."""

    index: int
    error: str


@dataclass(frozen=True, slots=True)
class Decoded(Generic[Batch]):
    """The records that are taken; `size` is their raw telemetry in bytes."""

    batch: Batch
    rejected: list[Rejection]
    size: int


@dataclass(frozen=True, slots=True)
class Terms:
    """What the receiver asks of a body, and adds to it.

    `labels` win over the sender's. Times outside the bounds are refused.
    """

    now_ns: int
    labels: Mapping[str, str] = field(default_factory=dict)
    max_line_bytes: int = 256 * 2**10
    earliest_ns: int = 0
    latest_ns: int = 2**63 - 1
