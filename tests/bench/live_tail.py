"""The log explorer in Chromium while 5,000 lines/s come in: does it stay awake?

Everything is real: a file that is tailed, the pipeline, the socket, the page. The
browser says how often it drew, how long it was busy in one go and what its heap holds;
/proc what the server's processes used.
"""

from __future__ import annotations

import os
import re
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

from playwright.sync_api import CDPSession, Page, sync_playwright

from tests.bench.live_latency import background_load
from tests.bench.report import percentile
from tests.platform import Platform

RATE, SECONDS, WARM_UP = 5_000, 20, 5
_MB = 2**20
_PROCESSES = {"web": "config.asgi", "workers": "qcluster", "collector": " collect"}
# Of the page: what its process used, and by the clock what its main thread did.
_WORK = {
    "page_processor": "ProcessTime",
    "page_tasks": "TaskDuration",
    "page_scripts": "ScriptDuration",
    "page_layout": "LayoutDuration",
    "page_styles": "RecalcStyleDuration",
}
_BROWSER = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]

# Frames, what kept the page busy for 50 ms and more, and which lines it has shown when.
_WATCH = """
() => {
  const watch = (window.watch = { frames: [], long: [], ages: [] });
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) watch.long.push(entry.duration);
  }).observe({ entryTypes: ["longtask"] });
  const newest = document.querySelector("[data-tail-list]");
  let before = "";
  const draw = (now) => {
    watch.frames.push(now);
    const text = newest.querySelector("li:not(.logs-space)")?.textContent ?? "";
    const written = /at=([0-9.]+)/.exec(text)?.[1];
    if (written && written !== before) watch.ages.push(Date.now() - 1000 * Number(written));
    before = written ?? before;
    requestAnimationFrame(draw);
  };
  requestAnimationFrame(draw);
}
"""


def measure(platform: Platform) -> dict[str, object]:
    directory = platform.var_dir / "demo"
    with (
        _explorer(platform) as (page, cdp),
        background_load(directory / "flood.log", RATE) as written,
    ):
        page.get_by_text("INFO request ").first.wait_for()
        time.sleep(WARM_UP)
        page.evaluate(_WATCH)
        heap = _heap(cdp)
        began, busy, used = written[0], _metrics(cdp), _cpu(platform)
        time.sleep(SECONDS)
        seen: dict[str, Any] = page.evaluate("window.watch")
        spent = {name: after - used[name] for name, after in _cpu(platform).items()}
        metrics = _metrics(cdp)
        page_spent = {name: metrics[key] - busy[key] for name, key in _WORK.items()}
        grown = _heap(cdp) - heap
        return {
            "lines_per_second": round((written[0] - began) / SECONDS),
            **_smoothness(seen),
            "heap_mb": round(_heap(cdp) / _MB, 1),
            "heap_growth_mb": round(grown / _MB, 1),
            "lines_counted_by_the_page": page.locator("[data-total]").text_content(),
            "skipped_lines_as_shown": _skipped(page),
            **{
                f"{name}_share": round(seconds / SECONDS, 2)
                for name, seconds in (page_spent | spent).items()
            },
        }


def _smoothness(seen: dict[str, Any]) -> dict[str, object]:
    frames = seen["frames"]
    gaps = [after - before for before, after in pairwise(frames)]
    return {
        "frames_per_second": round(1000 * len(gaps) / (frames[-1] - frames[0]), 1),
        "frame_gap_p99_ms": percentile(gaps, 99),
        "longest_frame_gap_ms": round(max(gaps)),
        "long_tasks": len(seen["long"]),
        "longest_task_ms": round(max(seen["long"], default=0)),
        "newest_line_age_p50_ms": percentile(seen["ages"], 50),
        "newest_line_age_p99_ms": percentile(seen["ages"], 99),
    }


@contextmanager
def _explorer(platform: Platform) -> Iterator[tuple[Page, CDPSession]]:
    """Give the log explorer of a person who has just logged in."""
    password = re.search(r"Password\s+(\S+)", platform.output())
    if password is None:
        raise RuntimeError(platform.output())
    chromium = shutil.which("chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=_BROWSER)
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        page.goto(f"{platform.url}/login/")
        page.get_by_label("E-mail").fill("admin@vedette.local")
        page.get_by_label("Password", exact=True).fill(password[1])
        page.get_by_role("button", name="Sign in").click()
        page.goto(f"{platform.url}/o/demo/logs")
        cdp = page.context.new_cdp_session(page)
        cdp.send("Performance.enable")
        yield page, cdp
        browser.close()


def _heap(cdp: CDPSession) -> float:
    """Return the bytes of the page's heap that are in use."""
    cdp.send("HeapProfiler.collectGarbage")
    return _metrics(cdp)["JSHeapUsedSize"]


def _metrics(cdp: CDPSession) -> dict[str, float]:
    return {
        m["name"]: m["value"] for m in cdp.send("Performance.getMetrics")["metrics"]
    }


def _skipped(page: Page) -> str:
    note = page.locator("[data-tail-skipped]")
    return (note.text_content() or "") if note.count() else ""


def _cpu(platform: Platform) -> dict[str, float]:
    return {
        name: sum(map(_spent, platform.pids(fragment)))
        for name, fragment in _PROCESSES.items()
    }


def _spent(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
