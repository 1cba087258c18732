"""Scraping once, to see what would come; nothing of it is stored."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from monitoring.telemetry import SampleBatch
from sources.connectors.scrape.discovery import DiscoveryError, read_files, read_url
from sources.connectors.scrape.fetching import Client, ScrapeError, scrape_headers
from sources.connectors.scrape.samples import History, LimitError
from sources.connectors.scrape.settings import ScrapeSettings
from sources.connectors.scrape.targets import Target, targets_of
from sources.protocols.exposition import ExpositionError, parse

TARGETS_TRIED = 5
# Somebody waits for the answer.
MAX_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Tried:
    """`batches` are those of the targets that answered."""

    targets: int
    dropped: int
    tried: int
    batches: Sequence[SampleBatch]
    problems: Sequence[str]


def try_out(config: Mapping[str, Any], labels: Mapping[str, str]) -> Tried:
    """Look for targets and scrape the first of them."""
    return asyncio.run(_try_out(ScrapeSettings.of(config, "test"), labels))


async def _try_out(settings: ScrapeSettings, labels: Mapping[str, str]) -> Tried:
    client = Client(settings)
    try:
        return await _scrape_first(client, settings, labels)
    finally:
        await client.close()


async def _scrape_first(
    client: Client, settings: ScrapeSettings, labels: Mapping[str, str]
) -> Tried:
    groups, problems = list(settings.groups), []
    try:
        groups += read_files(settings.files)
        for url in settings.urls:
            groups += await read_url(client, url, MAX_SECONDS)
    except DiscoveryError as error:
        problems.append(str(error))
    found = targets_of(groups, settings, labels)
    first = list(found.active)[:TARGETS_TRIED]
    answers = await asyncio.gather(*(_scrape(client, settings, t) for t in first))
    return Tried(
        targets=len(found.active),
        dropped=len(found.dropped),
        tried=len(first),
        batches=[answer for answer in answers if isinstance(answer, SampleBatch)],
        problems=[
            *problems,
            *found.problems,
            *(answer for answer in answers if isinstance(answer, str)),
        ],
    )


async def _scrape(
    client: Client, settings: ScrapeSettings, target: Target
) -> SampleBatch | str:
    """Return the samples, or why there are none."""
    now_ms = int(time.time() * 1000)
    seconds = min(target.timeout_ms / 1000, MAX_SECONDS)
    try:
        answer = await client.get(
            target.url,
            scrape_headers(round(seconds * 1000)),
            seconds=seconds,
            limit=settings.limits.body,
        )
        exposition = parse(answer.body, answer.content_type, now_ms=now_ms)
        return History(target, settings, "test").take(exposition, now_ms).batch
    except (ScrapeError, ExpositionError, LimitError) as error:
        return f"{target.url}: {error}."
