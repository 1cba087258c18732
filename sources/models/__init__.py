from sources.models.cursor import Cursor
from sources.models.inbox import (
    BatchKind,
    DeadLetter,
    InboxBatch,
    IngestReceipt,
    PipelineMinute,
    SourceMinute,
)
from sources.models.source import Source, SourceState

__all__ = [
    "BatchKind",
    "Cursor",
    "DeadLetter",
    "InboxBatch",
    "IngestReceipt",
    "PipelineMinute",
    "Source",
    "SourceMinute",
    "SourceState",
]
