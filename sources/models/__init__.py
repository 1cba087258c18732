from sources.models.cursor import Cursor
from sources.models.formats import KnownValue, LogFormat
from sources.models.heartbeat import Heartbeat, HeartbeatFlip, HeartbeatPing, PingKey
from sources.models.inbox import (
    BatchKind,
    DeadLetter,
    InboxBatch,
    IngestReceipt,
    PipelineMinute,
    SourceMinute,
)
from sources.models.pushed import PushedGroup
from sources.models.source import Source, SourceState
from sources.models.stream import SourceStream
from sources.models.targets import SourceTargets

__all__ = [
    "BatchKind",
    "Cursor",
    "DeadLetter",
    "Heartbeat",
    "HeartbeatFlip",
    "HeartbeatPing",
    "InboxBatch",
    "IngestReceipt",
    "KnownValue",
    "LogFormat",
    "PingKey",
    "PipelineMinute",
    "PushedGroup",
    "Source",
    "SourceMinute",
    "SourceState",
    "SourceStream",
    "SourceTargets",
]
