"""Scrapes what Prometheus scrapes, as Prometheus does it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta

from typing_extensions import override

from monitoring.telemetry import SampleBatch
from sources.connectors import SourceSpec
from sources.connectors.asking import Asked, Asking, TargetState, iso
from sources.connectors.batches import join
from sources.connectors.scrape.discovery import (
    DiscoveryError,
    Stamp,
    read_files,
    read_url,
    stamp_of,
)
from sources.connectors.scrape.fetching import Client, ScrapeError, scrape_headers
from sources.connectors.scrape.samples import History, LimitError, Scraped
from sources.connectors.scrape.settings import MAX_TARGETS, Group, ScrapeSettings
from sources.connectors.scrape.targets import Found, Target, targets_of
from sources.protocols.exposition import ExpositionError, parse

_LOOK_AT_FILES = timedelta(seconds=5)


class Scrape(Asking[Target]):
    """Scrapes the targets of one source, and follows where they are listed."""

    def __init__(self, spec: SourceSpec, wake: Callable[[], None]) -> None:
        super().__init__(spec, wake)
        self._settings = ScrapeSettings.of(spec.config, spec.name)
        self._client = Client(self._settings)
        self._found = Found({}, (), ())
        self._histories: dict[Target, History] = {}
        self._stamp: Stamp | None = None
        self._of_files: list[Group] = []
        self._of_urls: dict[str, list[Group]] = {}
        self._failed: dict[str, str] = {}  # by what could not be read: why
        self._news = True
        self._look_at: datetime | None = None
        self._ask_urls_at: datetime | None = None

    # --- Which targets there are -------------------------------------------------------

    @override
    def prepare(self, now: datetime) -> datetime:
        settings = self._settings
        look_again = datetime.max.replace(tzinfo=UTC)
        if settings.files:
            if self._look_at is None or now >= self._look_at:
                self._look_at_files()
                self._look_at = now + _LOOK_AT_FILES
            look_again = self._look_at
        if settings.urls:
            if self._ask_urls_at is None or now >= self._ask_urls_at:
                for url in settings.urls:
                    self.run(self._ask_url(url))
                self._ask_urls_at = now + timedelta(seconds=settings.url_refresh)
            look_again = min(look_again, self._ask_urls_at)
        if self._news:
            self._news = False
            self._retarget(now)
        return look_again

    def _look_at_files(self) -> None:
        """Read the files when one of them has changed; what was good stays until then."""
        stamp = stamp_of(self._settings.files)
        if stamp == self._stamp:
            return
        self._stamp = stamp
        try:
            self._of_files = read_files(self._settings.files)
        except DiscoveryError as error:
            self._failed["files"] = str(error)
        else:
            self._failed.pop("files", None)
            self._news = True

    async def _ask_url(self, url: str) -> None:
        try:
            groups = await read_url(self._client, url, self._settings.url_refresh)
        except DiscoveryError as error:
            self._failed[url] = str(error)
        else:
            self._failed.pop(url, None)
            self._news = self._news or groups != self._of_urls.get(url)
            self._of_urls[url] = groups
        self.announce()

    def _retarget(self, now: datetime) -> None:
        of_urls = [group for groups in self._of_urls.values() for group in groups]
        groups = [*self._settings.groups, *self._of_files, *of_urls]
        extra = {**self.spec.labels, "source": self.spec.name}
        self._found = targets_of(groups, self._settings, extra)
        self.dropped = self._found.dropped
        self.set_targets(list(self._found.active)[:MAX_TARGETS], now)

    @override
    def trouble(self) -> str:
        told = [*list(self._failed.values())[:3], *self._found.problems[:3]]
        if len(self._found.active) > MAX_TARGETS:
            told.append(f"Only the first {MAX_TARGETS} targets are scraped.")
        return " ".join(told)

    # --- Scraping ----------------------------------------------------------------------

    @override
    async def ask(self, target: Target, ts_ms: int) -> Asked:
        history = self._history(target)
        begun = time.monotonic()
        size, error = 0, ""
        try:
            answer = await self._client.get(
                target.url,
                scrape_headers(target.timeout_ms),
                seconds=target.timeout_ms / 1000,
                limit=self._settings.limits.body,
            )
            size = len(answer.body)
            exposition = parse(answer.body, answer.content_type, now_ms=ts_ms)
            scraped = history.take(exposition, ts_ms)
        except (ScrapeError, ExpositionError, LimitError) as problem:
            error = str(problem)
            scraped = Scraped(history.end(ts_ms))
        seconds = time.monotonic() - begun
        report = history.report(
            scraped, healthy=not error, seconds=seconds, ts_ms=ts_ms
        )
        state = self._state(target, ts_ms, seconds, "down" if error else "up", error)
        return Asked(join([scraped.batch, report]), size, state)

    def _history(self, target: Target) -> History:
        if target not in self._histories:
            self._histories[target] = History(target, self._settings, self.spec.name)
        return self._histories[target]

    @override
    def unasked(self, target: Target) -> TargetState:
        return self._state(target, None, 0.0, "unknown", "")

    def _state(
        self, target: Target, ts_ms: int | None, seconds: float, health: str, error: str
    ) -> TargetState:
        discovered: Mapping[str, str] = self._found.active.get(target, {})
        return TargetState(
            url=target.url,
            labels=dict(target.labels),
            discovered=dict(discovered),
            health=health,
            last_error=error,
            last_asked="" if ts_ms is None else iso(ts_ms),
            last_seconds=seconds,
            interval_seconds=target.interval_ms / 1000,
            timeout_seconds=target.timeout_ms / 1000,
        )

    @override
    def ending(self, target: Target, ts_ms: int) -> SampleBatch:
        if all(other.url != target.url for other in self.states):
            self.run(self._client.forget(target.url))
        history = self._histories.pop(target, None)
        if history is None:
            return join([])
        return join([history.end(ts_ms), history.end_report(ts_ms)])

    @override
    async def shut(self) -> None:
        await self._client.close()
