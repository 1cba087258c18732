"""The Pushgateway's addresses and bodies: a group's labels stand in the path."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping

import numpy as np

from monitoring.labels import METRIC_NAME, Labels, make_labels
from monitoring.telemetry import MetricMetadata, MetricType, SampleBatch
from sources.protocols import MalformedBodyError
from sources.protocols.exposition import parse
from sources.protocols.series_labels import InvalidSeriesError, series_labels

_SUFFIX = "@base64"
_LABEL_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*\Z")

PUSH_TIME = "push_time_seconds"
FAILURE_TIME = "push_failure_time_seconds"
_ABOUT = {
    PUSH_TIME: MetricMetadata(
        MetricType.GAUGE, "", "Last Unix time when changing this group succeeded."
    ),
    FAILURE_TIME: MetricMetadata(
        MetricType.GAUGE, "", "Last Unix time when changing this group failed."
    ),
}


class InvalidGroupError(ValueError):
    """The text says what is wrong with the path, in the Pushgateway's words."""


def grouping(path: str) -> Labels:
    """Return the labels of "job/NAME/label/value…". Raises InvalidGroupError."""
    parts = path.strip("/").split("/") if not path.endswith("/") else path.split("/")
    if len(parts) % 2:
        raise InvalidGroupError(
            f'odd number of components in label string "/{"/".join(parts[2:])}"'
        )
    labels: dict[str, str] = {}
    for name, value in zip(parts[::2], parts[1::2], strict=True):
        bare = name.removesuffix(_SUFFIX)
        if not _LABEL_NAME.match(bare) or bare == METRIC_NAME:
            raise InvalidGroupError(f'improper label name "{name[:100]}"')
        if bare in labels:
            raise InvalidGroupError(f'label name "{bare[:100]}" is not unique')
        labels[bare] = value if bare == name else _unpacked(name, value)
    if not labels.get("job"):
        raise InvalidGroupError("job name is required")
    return make_labels(labels)


def _unpacked(name: str, value: str) -> str:
    """The alphabet is that of URLs, and padding may be left out."""
    bare = value.rstrip("=")
    try:
        return base64.b64decode(
            bare + "=" * (-len(bare) % 4), altchars=b"-_", validate=True
        ).decode()
    except (ValueError, binascii.Error):
        raise InvalidGroupError(
            f'invalid base64 encoding in label value "{name[:100]}/{value[:100]}"'
        ) from None


def decode(
    body: bytes,
    content_type: str,
    group: Labels,
    *,
    now_ms: int,
    extra: Mapping[str, str],
) -> SampleBatch:
    """Return the pushed samples with the labels of their group, which win.

    Raises MalformedBodyError.
    """
    found = parse(body, content_type, now_ms=now_ms)
    if found.has_time.any():
        raise MalformedBodyError("pushed metrics must not have timestamps")
    batch = found.batch
    try:
        series = [labelled(labels, group, extra) for labels in batch.series]
    except InvalidSeriesError as error:
        raise MalformedBodyError(str(error)) from None
    if len(set(series)) < len(series) or len(batch.series) < batch.count:
        raise MalformedBodyError(
            "pushed metrics are invalid or inconsistent with existing metrics: "
            "a series was collected before with the same name and label values"
        )
    return SampleBatch(
        tuple(series),
        batch.series_index,
        batch.ts_ms,
        batch.values,
        {**batch.metadata, **_ABOUT},
    )


def labelled(labels: Labels, group: Labels, extra: Mapping[str, str]) -> Labels:
    """Raises InvalidSeriesError."""
    return series_labels({**dict(labels), **dict(group)}.items(), extra)


def with_times(
    batch: SampleBatch, group: Labels, extra: Mapping[str, str], *, now_ms: int
) -> SampleBatch:
    """Add the two series that tell when the group was pushed."""
    times = [
        labelled(((METRIC_NAME, name),), group, extra)
        for name in (PUSH_TIME, FAILURE_TIME)
    ]
    first = len(batch.series)
    return SampleBatch(
        (*batch.series, *times),
        np.append(batch.series_index, [first, first + 1]).astype(np.int32),
        np.append(batch.ts_ms, [now_ms, now_ms]),
        np.append(batch.values, [now_ms / 1000, 0.0]),
        batch.metadata,
    )
