from monitoring.models.block import LogBlock, SampleBlock
from monitoring.models.series import Metric, Series
from monitoring.models.stream import LogStream

__all__ = ["LogBlock", "LogStream", "Metric", "SampleBlock", "Series"]
