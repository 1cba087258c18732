"""A whole platform of the test's own, started as an operator starts it."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import psutil
import psycopg
import pytest

BASE_DIR = Path(__file__).resolve().parent.parent.parent
START_SECONDS = 90


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Platform:
    """One `manage.py up`, and what can be seen of it from outside."""

    def __init__(self, var_dir: Path, port: int) -> None:
        self.var_dir = var_dir
        self.port = port
        self.output = var_dir.with_suffix(".out")
        self._process: subprocess.Popen[bytes] | None = None

    def environment(self) -> dict[str, str]:
        return {
            **os.environ,
            "VAR_DIR": str(self.var_dir),
            "DJANGO_SETTINGS_MODULE": "config.settings",
            "FILE_SOURCE_ROOTS": str(self.var_dir),
            "SECRET_KEY": "",
        }

    def start(self) -> None:
        with self.output.open("wb") as output:
            self._process = subprocess.Popen(
                [sys.executable, "manage.py", "up", "--port", str(self.port)],
                cwd=BASE_DIR,
                env=self.environment(),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=BASE_DIR,
            env=self.environment(),
            check=False,
            capture_output=True,
            text=True,
            timeout=START_SECONDS,
        )

    def stop(self, number: signal.Signals = signal.SIGINT) -> int:
        assert self._process is not None
        self._process.send_signal(number)
        return self._process.wait(60)

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def reasons(self) -> list[str]:
        """What /readyz complains of; nothing when the platform is ready."""
        try:
            answer = httpx.get(f"http://127.0.0.1:{self.port}/readyz", timeout=5)
        except httpx.TransportError as error:
            return [f"The web process does not answer: {error!r}"]
        assert answer.status_code == (503 if answer.json()["reasons"] else 200)
        return answer.json()["reasons"]

    def newest_heartbeat(self, kind: str) -> int:
        """Return the id of the newest process of a kind that said it is alive."""
        socket_directory = str(self.var_dir / "run")
        query = "SELECT max(id) FROM accounts_processheartbeat WHERE kind = %s"
        with psycopg.connect(
            host=socket_directory, user="postgres", dbname="vedette"
        ) as connection:
            row = connection.execute(query, [kind]).fetchone()
        return row[0]

    def processes(self) -> list[psutil.Process]:
        """Every live process that works on this platform's state."""
        return [
            process
            for process in psutil.process_iter()
            if process.pid != os.getpid() and self._owns(process)
        ]

    def _owns(self, process: psutil.Process) -> bool:
        with contextlib.suppress(psutil.Error):
            return process.status() != psutil.STATUS_ZOMBIE and (
                process.environ().get("VAR_DIR") == str(self.var_dir)
                or str(self.var_dir) in " ".join(process.cmdline())
            )
        return False

    def find(self, *words: str, queue: str = "") -> psutil.Process:
        """The oldest process whose command line has all these words."""
        found = [
            process
            for process in self.processes()
            if all(word in " ".join(process.cmdline()) for word in words)
            and (not queue or process.environ().get("Q_CLUSTER_NAME") == queue)
        ]
        return min(found, key=lambda process: process.create_time())


def wait_until(
    condition: Callable[[], bool], why: Callable[[], object], seconds: float = 30
) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            pytest.fail(f"Not within {seconds} s: {why()}")
        time.sleep(0.1)


@pytest.fixture(scope="module")
def make_platform() -> Iterator[Callable[[], Platform]]:
    made: list[Platform] = []

    def make() -> Platform:
        directory = Path(tempfile.mkdtemp(prefix="vedette-up-", dir="/tmp"))
        directory.chmod(0o755)
        made.append(Platform(directory, free_port()))
        return made[-1]

    yield make
    for platform in made:
        if platform.running:
            platform.stop()
        shutil.rmtree(platform.var_dir, ignore_errors=True)
        platform.output.unlink(missing_ok=True)


@pytest.fixture(scope="module")
def platform(make_platform) -> Platform:
    """A platform that is ready; its tests leave it ready."""
    platform = make_platform()
    platform.start()
    wait_until(
        lambda: not platform.reasons() or not platform.running,
        lambda: (platform.reasons(), platform.output.read_text()),
        START_SECONDS,
    )
    assert platform.running, platform.output.read_text()
    return platform
