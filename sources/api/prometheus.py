"""Targets as Prometheus's API shows them; its scrape pools are our sources."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.http import HttpRequest, HttpResponse
from typing_extensions import override

from monitoring.api.prometheus.base import ReadOnlyAPI
from monitoring.api.prometheus.envelope import plain_success
from monitoring.api.prometheus.parameters import Parameters
from sources.services.targets import pools

# What Go writes for a time that there was none of.
_NEVER = "0001-01-01T00:00:00Z"


class TargetsAPI(ReadOnlyAPI):
    """/targets: what is scraped and probed, and how that goes.

    A `state` that is none of Prometheus's means any, as there.
    """

    @override
    def answer(
        self, request: HttpRequest, parameters: Parameters, **path: str
    ) -> HttpResponse:
        state = (parameters.text("state") or "").lower()
        found = pools(self.scope, parameters.text("scrapePool") or "")
        active = [_active(pool.name, t) for pool in found for t in pool.active]
        dropped = [
            {"discoveredLabels": labels, "scrapePool": pool.name}
            for pool in found
            for labels in pool.dropped
        ]
        shows = {
            "activeTargets": state != "dropped",
            "droppedTargets": state != "active",
        }
        listed = {"activeTargets": active, "droppedTargets": dropped}
        return plain_success(
            request,
            {
                **{key: listed[key] if shows[key] else [] for key in listed},
                "droppedTargetCounts": {
                    pool.name: pool.dropped_count
                    for pool in found
                    if shows["droppedTargets"]
                },
            },
        )


class ScrapePoolsAPI(ReadOnlyAPI):
    """/scrape_pools: the sources that have targets."""

    @override
    def answer(
        self, request: HttpRequest, parameters: Parameters, **path: str
    ) -> HttpResponse:
        names = [pool.name for pool in pools(self.scope)]
        return plain_success(request, {"scrapePools": names})


def _active(pool: str, target: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "discoveredLabels": target["discovered"],
        "labels": target["labels"],
        "scrapePool": pool,
        "scrapeUrl": target["url"],
        "globalUrl": target["url"],
        "lastError": target["last_error"],
        "lastScrape": target["last_asked"] or _NEVER,
        "lastScrapeDuration": target["last_seconds"],
        "health": target["health"],
        "scrapeInterval": f"{target['interval_seconds']:g}s",
        "scrapeTimeout": f"{target['timeout_seconds']:g}s",
    }
