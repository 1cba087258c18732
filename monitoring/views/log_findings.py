"""What a search has found, and what a page concludes from it in a sentence."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from monitoring.services.charts import Volume
from monitoring.services.explorer import Exploration
from monitoring.services.log_searches import Search
from monitoring.services.logs import LogPage
from monitoring.services.ranges import TimeRange
from monitoring.services.volumes import LineCounts
from monitoring.templatetags.figures import number
from monitoring.views.log_search import LogSearch


@dataclass(frozen=True, slots=True)
class Found:
    """What a search has found: lines, or numbers, or what is wrong with it."""

    search: Search = field(default_factory=Search)
    page: LogPage = field(default_factory=lambda: LogPage([], None))
    counts: LineCounts | None = None
    answer: Exploration | None = None

    @property
    def is_metric(self) -> bool:
        return self.search.metric is not None

    @property
    def has_lines(self) -> bool:
        return self.answer is None


def volume_context(found: Found, shown: TimeRange, asked: LogSearch) -> dict[str, Any]:
    counts = found.counts
    volume = counts.volume if counts else Volume(0, 0, "")
    return {
        "volume": volume,
        "total": volume.total,
        **_conclusion(found, shown, asked),
    }


def _conclusion(found: Found, shown: TimeRange, asked: LogSearch) -> dict[str, Any]:
    if found.answer is not None:
        return _about_numbers(found.answer, shown)
    if found.counts is None:
        count = len(found.page.records)
        figure = f"{_lines(count)}{' or more' if found.page.next else ''}"
        return _said("", figure, "so far: all of them are being counted.", asked)
    counts = found.counts
    total, errors = sum(counts.by_level.values()), counts.errors
    when = f"in the {shown.label.lower()}" if shown.is_live else f"from {shown.label}"
    about = f" with “{asked.contains}”" if asked.contains else ""
    if errors:
        figure = f"{number(errors)} {'error' if errors == 1 else 'errors'}"
        text = f"{when}, of {_lines(total)}{about}."
        return _said("critical", figure, text, asked)
    if total:
        return _said("ok", "No errors", f"{when}, {_lines(total)}{about}.", asked)
    return _said("", f"No lines{about}", f"{when}.", asked)


def _about_numbers(answer: Exploration, shown: TimeRange) -> dict[str, Any]:
    if answer.complaint:
        said = {"status": "warning", "figure": "No answer", "text": "to this query."}
        return {"conclusion": said, "lead": "What is wrong is said below."}
    figure = f"{number(answer.total)} series" if answer.total else "No series"
    text = f"answered in {number(answer.took_ms)} ms."
    said = {"status": "", "figure": figure, "text": text}
    return {"conclusion": said, "lead": f"LogQL over {shown.label.lower()}."}


def _lines(count: int) -> str:
    return "1 line" if count == 1 else f"{number(count)} lines"


def _said(status: str, figure: str, text: str, asked: LogSearch) -> dict[str, Any]:
    places = ", ".join(asked.sources) or (
        "what the query selects" if asked.query else "all sources"
    )
    levels = f", {' and '.join(asked.levels)} only" if asked.levels else ""
    return {
        "conclusion": {"status": status, "figure": figure, "text": text},
        "lead": f"From {places}{levels}. New lines come in by themselves.",
    }
