"""Trying a source out: what would it read, and what would the parser see in it?

Nothing of this is stored.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

from sources.formats import Detection, ParsedLine, detect, preview
from sources.models import Source
from sources.processing import Rules
from sources.services.configs import Config, checked_config, opened_config
from sources.services.kinds import KINDS, with_defaults
from sources.services.kinds.base import InvalidSourceError, Probe
from sources.services.log_formats import OwnFormats
from sources.services.rehearsing import (
    Processed,
    bare_lines,
    process_lines,
    read_processing,
)

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
    processed: Processed | None = None


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
    processing: Any = None,
    own: OwnFormats = MappingProxyType({}),
) -> Preview:
    """Show how the newest lines of a source, or pasted lines, are understood.

    `own` are the organization's formats, `processing` rules whose effect is shown.
    Raises InvalidSourceError.
    """
    rules = read_processing(processing or {})

    def understood(lines: list[str], origin: str, problems: Sequence[str]) -> Preview:
        seen = _understood(lines, format_name, received_ns, rules=rules, own=own)
        return replace(seen, origin=origin, problems=problems)

    if sample is not None:
        return understood(sample.splitlines()[:SAMPLE_LINES], "the pasted sample", ())
    newest_lines = KINDS[kind].newest_lines
    if newest_lines is None:
        raise InvalidSourceError({"kind": ["There are no lines to look at yet."]})
    plain = opened_config(kind, checked_config(kind, config, stored=stored))
    problems: list[str] = []
    lines, origin = newest_lines(with_defaults(KINDS[kind], plain), problems)
    return understood(lines, origin, problems)


def _understood(
    lines: Sequence[str],
    format_name: str,
    received_ns: int,
    *,
    rules: Rules | None,
    own: OwnFormats,
) -> Preview:
    tried = [known for known in own.values() if known.detected]
    detection = detect(lines, tried)
    name = format_name or detection.format_name
    shown_lines = lines[-LINES_SHOWN:]
    bare = bare_lines(shown_lines, name, received_ns)
    if bare is not None:
        inner = detect(bare, tried).format_name
        name, shown_lines = f"{name}+{inner}", bare
    chosen = own.get(name.rpartition("+")[2], name.rpartition("+")[2])
    shown = preview(shown_lines, chosen, received_ns=received_ns)
    processed = None
    if rules is not None and shown_lines:
        processed = process_lines(rules, shown_lines, chosen, received_ns)
    return Preview(detection, name, shown, len(lines), processed=processed)
