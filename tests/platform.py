"""A whole platform of a test's own: `manage.py up` on scratch state, as users start it."""

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
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx

ROOT = Path(__file__).resolve().parent.parent
START_TIMEOUT = 90.0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Platform:
    """Started by `start`; `stop` ends it and removes its state."""

    def __init__(self, **environment: str) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix="vedette-run-", dir="/tmp"))
        self.directory.chmod(0o755)
        self.var_dir = self.directory / "var"
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.process: subprocess.Popen[str] | None = None
        inherited = {
            k: v
            for k, v in os.environ.items()
            if k not in {"VEDETTE_TEST_VAR_DIR", "DJANGO_SETTINGS_MODULE", "SECRET_KEY"}
        }
        self.environment = {
            **inherited,
            "VAR_DIR": str(self.var_dir),
            "FILE_SOURCE_ROOTS": f"{self.directory}:{self.var_dir / 'demo'}",
            "SITE_ROOT": self.url,
            **environment,
        }

    def start(self) -> Platform:
        self.log = (self.directory / "up.log").open("w")
        self.process = subprocess.Popen(
            [sys.executable, "manage.py", "up", "--port", str(self.port)],
            cwd=ROOT,
            env=self.environment,
            stdout=self.log,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.wait_until_ready()
        return self

    def wait_until_ready(self, timeout: float = START_TIMEOUT) -> None:
        deadline = time.monotonic() + timeout
        answer = "nothing"
        while time.monotonic() < deadline:
            if self.process is not None and self.process.poll() is not None:
                break
            with contextlib.suppress(httpx.HTTPError):
                response = httpx.get(f"{self.url}/readyz", timeout=2)
                answer = response.text
                if response.status_code == httpx.codes.OK:
                    return
            time.sleep(0.2)
        raise TimeoutError(f"not ready: {answer}\n{self.output()[-4000:]}")

    def output(self) -> str:
        self.log.flush()
        return (self.directory / "up.log").read_text()

    def manage(self, *arguments: str) -> str:
        """Run a manage.py command on this platform; return its standard output."""
        return subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT,
            env=self.environment,
            check=True,
            capture_output=True,
            text=True,
        ).stdout.strip()

    def token(self, slug: str = "demo", scopes: str = "ingest,read,write,admin") -> str:
        return self.manage("create_token", slug, "--scopes", scopes)

    def client(self, token: str, **headers: str) -> httpx.Client:
        return httpx.Client(
            base_url=f"{self.url}/api/v1",
            headers={"Authorization": f"Bearer {token}", **headers},
            timeout=30,
        )

    def pids(self, fragment: str) -> list[int]:
        """Return this platform's processes whose command line has the fragment.

        Redis overwrites its environment with its title, which names its socket.
        """
        wanted = f"VAR_DIR={self.var_dir}".encode()
        return [
            pid
            for pid, command, environment in _processes()
            if fragment in command
            and (wanted in environment or str(self.var_dir) in command)
        ]

    def kill(self, fragment: str) -> int:
        """kill -9 what matches; return how many there were."""
        pids = self.pids(fragment)
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return len(pids)

    def halt(self) -> None:
        """End it as an operator does; `start` finds its state again."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.process.kill()
        self.log.close()

    def stop(self) -> None:
        self.halt()
        shutil.rmtree(self.directory, ignore_errors=True)


def _processes() -> Iterator[tuple[int, str, list[bytes]]]:
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
                environment = (entry / "environ").read_bytes().split(b"\0")
                yield int(entry.name), command, environment


@contextlib.contextmanager
def running_platform(**environment: Any) -> Iterator[Platform]:
    platform = Platform(**environment)
    try:
        yield platform.start()
    finally:
        platform.stop()
