from monitoring.models.archive import ArchiveFile, ArchivePiece
from monitoring.models.block import LogBlock, SampleBlock
from monitoring.models.delta import DeltaTotal
from monitoring.models.exemplar import Exemplar
from monitoring.models.pattern import LogPattern, LogPatternHour, PatternState
from monitoring.models.retention import (
    DeleteRequest,
    LifecycleState,
    RetentionPass,
    RetentionRule,
    Signal,
)
from monitoring.models.series import Metric, Series
from monitoring.models.stream import LogStream

__all__ = [
    "ArchiveFile",
    "ArchivePiece",
    "DeleteRequest",
    "DeltaTotal",
    "Exemplar",
    "LifecycleState",
    "LogBlock",
    "LogPattern",
    "LogPatternHour",
    "LogStream",
    "Metric",
    "PatternState",
    "RetentionPass",
    "RetentionRule",
    "SampleBlock",
    "Series",
    "Signal",
]
