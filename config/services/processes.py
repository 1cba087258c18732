"""The platform's processes: what `up` runs, and in which order it stops them."""

from __future__ import annotations

import signal
import sys
from dataclasses import dataclass
from pathlib import Path

from config.services.supervisor import Program

# What is still coming in stops first, so that nothing accepted is left half-way.
_COLLECTOR, _BEAT, _WEB, _WORKERS = range(4)


@dataclass(frozen=True, slots=True)
class Address:
    """Where the web process listens."""

    bind: str
    port: int

    @property
    def url(self) -> str:
        """What to type into a browser on this host."""
        everywhere = self.bind in {"0.0.0.0", "::", "127.0.0.1"}  # noqa: S104
        host = "localhost" if everywhere else self.bind
        if ":" in host:
            host = f"[{host}]"
        return f"http://{host}:{self.port}"


def programs(
    base_dir: Path, address: Address, environment: dict[str, str]
) -> list[Program]:
    """Return every process of one host, for the supervisor."""

    def program(name: str, stage: int, *arguments: str, queue: str = "") -> Program:
        return Program(
            name=name,
            argv=(sys.executable, *arguments),
            directory=base_dir,
            environment={
                **environment,
                "PYTHONUNBUFFERED": "1",
                "Q_CLUSTER_NAME": queue or "default",
            },
            # A supervisor that was killed cannot ask nicely; all of them are made
            # to be killed.
            orphan_signal=signal.SIGKILL,
            grace=15.0,
            stage=stage,
        )

    def command(name: str) -> tuple[str, ...]:
        # `up` has made the checks for all of them.
        return ("manage.py", name, "--skip-checks")

    listen = ("-b", address.bind, "-p", str(address.port), "-v", "0")
    return [
        program("web", _WEB, "-m", "daphne", *listen, "config.asgi:application"),
        program("ingest", _WORKERS, *command("qcluster"), queue="ingest"),
        program("default", _WORKERS, *command("qcluster")),
        program("collector", _COLLECTOR, *command("collect")),
        program("beat", _BEAT, *command("beat")),
    ]
