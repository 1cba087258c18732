"""Trying a source out: what would it read, and what would the parser see in it?

Nothing of this is stored.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sources.formats import Detection, ParsedLine, detect, preview
from sources.models import Source
from sources.services.configs import Config, checked_config, opened_config
from sources.services.kinds import KINDS, with_defaults
from sources.services.kinds.base import InvalidSourceError, Probe

SAMPLE_LINES = 200
LINES_SHOWN = 20


@dataclass(frozen=True, slots=True)
class Preview:
    """How some lines are understood; `origin` says where they were taken from."""

    detection: Detection
    format: str
    lines: Sequence[ParsedLine]
    total: int
    origin: str = ""
    problems: Sequence[str] = field(default=())


def test_source(kind: str, config: Any, *, stored: Config | None) -> Probe:
    """Say what a source of this configuration would find now.

    `stored` is that of the source it may become: masked secrets are taken from it.
    Raises InvalidSourceError.
    """
    plain = opened_config(kind, checked_config(kind, config, stored=stored))
    return KINDS[kind].test(with_defaults(KINDS[kind], plain))


def test_settings(source: Source) -> Probe:
    """The same for a stored source, whose settings are known to be good.

    Raises UnreadableSecretError.
    """
    kind = KINDS[source.kind]
    return kind.test(with_defaults(kind, opened_config(source.kind, source.config)))


def preview_source(
    config: Any = None,
    *,
    kind: str = Source.Kind.FILE,
    stored: Config | None = None,
    sample: str | None = None,
    format_name: str = "",
    received_ns: int,
) -> Preview:
    """Show how the newest lines of a source, or pasted lines, are understood.

    Raises InvalidSourceError.
    """
    if sample is not None:
        lines = sample.splitlines()[:SAMPLE_LINES]
        return _understood(lines, format_name, received_ns, "the pasted sample", ())
    newest_lines = KINDS[kind].newest_lines
    if newest_lines is None:
        raise InvalidSourceError({"kind": ["There are no lines to look at yet."]})
    plain = opened_config(kind, checked_config(kind, config, stored=stored))
    problems: list[str] = []
    lines, origin = newest_lines(with_defaults(KINDS[kind], plain), problems)
    return _understood(lines, format_name, received_ns, origin, problems)


def _understood(
    lines: Sequence[str],
    format_name: str,
    received_ns: int,
    origin: str,
    problems: Sequence[str],
) -> Preview:
    detection = detect(lines)
    name = format_name or detection.format_name
    shown = preview(lines[-LINES_SHOWN:], name, received_ns=received_ns)
    return Preview(detection, name, shown, len(lines), origin, problems)
