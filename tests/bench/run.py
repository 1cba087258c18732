"""`make bench`: the figures of docs/benchmarks.md, measured on this machine.

Each part runs on scratch state of its own, which is removed afterwards.
"""

from __future__ import annotations

import argparse
import asyncio
import atexit
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent))

from tests.bench.report import table
from tests.platform import running_platform


def live() -> dict[str, object]:
    """From a write to a file to a frame on a socket, at 1,000 lines/s of other load."""
    from tests.bench import live_latency

    with running_platform() as platform:
        directory = platform.var_dir / "demo"
        return dict(
            asyncio.run(live_latency.measure(platform, platform.token(), directory))
        )


def live_tail() -> dict[str, object]:
    """The log explorer in a browser while 5,000 lines/s come in."""
    from tests.bench import live_tail as bench

    with running_platform() as platform:
        return bench.measure(platform)


def patterns() -> dict[str, object]:
    """Ingest of 200,000 lines with 500 patterns armed, against none."""
    _use_scratch_django()
    from tests.bench import patterns as bench

    return dict(bench.measure())


def logs() -> dict[str, object]:
    """Storing and searching 2 M access lines, against grep on the same text."""
    _use_scratch_django()
    from tests.bench import logs as bench

    return bench.measure(2_000_000)


def logs_push() -> dict[str, object]:
    """Access lines by Loki's push into a whole platform, 50 patterns armed."""
    from tests.bench import logs_push as bench

    with running_platform() as platform:
        return bench.measure(platform, platform.token(), lines=500_000)


def logs_10m() -> dict[str, object]:
    """The same with 10 M lines."""
    _use_scratch_django()
    from tests.bench import logs as bench

    return bench.measure(10_000_000)


def rules() -> dict[str, object]:
    """A round of 1,000 recording rules over 5,000 series, against Prometheus's."""
    _use_scratch_django()
    from tests.bench import rules as bench

    return dict(bench.measure())


def chaos() -> dict[str, object]:
    """kill -9 of each process in turn, at 1,000 lines/s for a minute."""
    from tests.bench import chaos as bench

    with running_platform() as platform:
        outcome = bench.run(platform, platform.token(), seconds=60)
    return {
        "written": outcome.written,
        "stored": outcome.stored,
        "distinct": outcome.distinct,
        "killed": outcome.killed,
        "exactly_once": outcome.exactly_once,
    }


def metrics_fresh() -> dict[str, object]:
    """From an acknowledged write to a query that sees it."""
    from tests.bench import metrics_fresh as bench

    with running_platform() as platform:
        return dict(bench.measure(platform, platform.token()))


def remote_write() -> dict[str, object]:
    """Remote write's bodies to this, to Prometheus and to VictoriaMetrics."""
    from tests.bench import remote_write as bench

    return dict(bench.measure())


def metrics_queries() -> dict[str, object]:
    """Twenty dashboard queries, here and in Debian's Prometheus."""
    _use_scratch_django()
    from tests.bench import metrics_queries as bench

    return bench.measure()


def _use_scratch_django() -> None:
    """Set Django up on a database of its own, migrated. Both go with this process."""
    directory = Path(tempfile.mkdtemp(prefix="vedette-bench-", dir="/tmp"))
    # What is registered first is done last: the servers have stopped by then.
    atexit.register(shutil.rmtree, directory, ignore_errors=True)
    directory.chmod(0o755)
    os.environ["VAR_DIR"] = str(directory)
    os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"
    import django

    from config.services.sharing import ensure_running

    ensure_running()
    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0)


PARTS: dict[str, Callable[[], dict[str, object]]] = {
    "live": live,
    "live-tail": live_tail,
    "patterns": patterns,
    "logs": logs,
    "logs_10m": logs_10m,
    "logs_push": logs_push,
    "rules": rules,
    "chaos": chaos,
    "metrics-queries": metrics_queries,
    "remote-write": remote_write,
    "metrics-fresh": metrics_fresh,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=", ".join(PARTS))
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    unknown = set(arguments.parts) - set(PARTS)
    if unknown:
        parser.error(f"unknown: {', '.join(unknown)}; parts: {', '.join(PARTS)}")
    signal.signal(signal.SIGTERM, _leave)
    names = arguments.parts or list(PARTS)
    for name in names:
        if len(names) > 1:
            _measure_apart(name, *(["--json"] if arguments.json else []))
        else:
            figures = PARTS[name]()
            print(
                json.dumps({name: figures}) if arguments.json else table(name, figures)
            )


def _measure_apart(name: str, *flags: str) -> None:
    """A process has one Django, and so one scratch database."""
    with subprocess.Popen([sys.executable, __file__, name, *flags]) as process:
        try:
            code = process.wait()
        except SystemExit:
            process.terminate()
            raise
    if code:
        sys.exit(code)


def _leave(*_signal: object) -> None:
    """End as at an error: whatever was started is ended, once, and removed."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    sys.exit(128 + signal.SIGTERM)


if __name__ == "__main__":
    main()
