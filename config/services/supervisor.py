"""Keeps programs running: starts, restarts with back-off, reads, stops."""

from __future__ import annotations

import contextlib
import ctypes
import os
import selectors
import signal
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from config.services.logbook import LineReader
from config.services.system_user import SystemUser

Write = Callable[[str, str], None]

_PR_SET_PDEATHSIG = 1
_FIRST_DELAY = 0.1
_LONGEST_DELAY = 30.0
_STEADY_AFTER = 10.0


@dataclass(frozen=True, slots=True)
class Program:
    """What to run, and how to stop it."""

    name: str
    argv: tuple[str, ...]
    directory: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    user: SystemUser | None = None
    stop_signal: signal.Signals = signal.SIGTERM
    orphan_signal: signal.Signals = signal.SIGTERM
    grace: float = 10.0
    # Programs of a lower stage stop before those of a higher one.
    stage: int = 0


@dataclass(slots=True)
class Backoff:
    """How long to wait before the next start: longer each time, until it stays up."""

    delay: float = 0.0

    def after(self, uptime: float) -> float:
        if uptime >= _STEADY_AFTER or self.delay == 0:
            self.delay = _FIRST_DELAY
        else:
            self.delay = min(self.delay * 2, _LONGEST_DELAY)
        return self.delay


class Child:
    """One program, and its process while there is one."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.process: subprocess.Popen[bytes] | None = None
        self.reader: LineReader | None = None
        self.start_at = 0.0
        self.restarts = 0
        self._started_at = 0.0
        self._backoff = Backoff()

    def start(self, now: float) -> None:
        program = self.program
        user = program.user
        self.process = subprocess.Popen(  # noqa: S603 - the platform's own programs
            program.argv,
            cwd=program.directory,
            env={**os.environ, **program.environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            user=user.uid if user else None,
            group=user.gid if user else None,
            extra_groups=[] if user else None,
            # One thread only, and it calls nothing that could wait for another.
            preexec_fn=_dies_with(os.getpid(), program.orphan_signal),  # noqa: PLW1509
        )
        assert self.process.stdout is not None  # noqa: S101 - for mypy
        descriptor = self.process.stdout.fileno()
        os.set_blocking(descriptor, False)
        self.reader = LineReader(descriptor)
        self._started_at = now

    def has_exited(self) -> bool:
        """Whether the process is dead; it stays a zombie until `bury`."""
        if self.process is None:
            return False
        flags = os.WEXITED | os.WNOHANG | os.WNOWAIT
        return os.waitid(os.P_PID, self.process.pid, flags) is not None

    def bury(self, now: float) -> str:
        """Reap the dead process and its group; return how it ended."""
        process = self.process
        assert process is not None  # noqa: S101 - for mypy
        # What it left behind dies with it. The zombie still holds the group's
        # number, so that no stranger can have got it.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        code = process.wait()
        if process.stdout is not None:
            process.stdout.close()
        self.process = self.reader = None
        self.start_at = now + self._backoff.after(now - self._started_at)
        return _ending(code)

    def signal(self, number: signal.Signals) -> None:
        if self.process is not None:
            self.process.send_signal(number)

    def kill(self) -> None:
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)


class Supervisor:
    """Runs programs until told to stop. Use it from one thread only."""

    def __init__(self, programs: Iterable[Program], write: Write) -> None:
        self.children = [Child(program) for program in programs]
        self._write = write
        self._selector = selectors.DefaultSelector()

    def step(self, timeout: float = 0.1) -> None:
        """Start what is due, pass on what was printed, notice who died."""
        now = time.monotonic()
        for child in self.children:
            if child.process is None and child.start_at <= now:
                self._start(child, now)
        self._pump(timeout)
        for child in self.children:
            if child.has_exited():
                ending = self._bury(child)
                delay = child.start_at - time.monotonic()
                self._say(child, f"{ending}; starting again in {delay:.1f} s")

    def stop(self, *, at_once: Callable[[], bool] = lambda: False) -> None:
        """Stop every program, stage by stage; kill those that outlast their grace."""
        for stage in sorted({child.program.stage for child in self.children}):
            alive = [
                child
                for child in self.children
                if child.program.stage == stage and child.process is not None
            ]
            for child in alive:
                child.signal(child.program.stop_signal)
            self._await(alive, at_once)
        self._selector.close()

    def _await(self, alive: list[Child], at_once: Callable[[], bool]) -> None:
        started = time.monotonic()
        killed: set[str] = set()
        while alive:
            self._pump(0.05)
            for child in [child for child in alive if child.has_exited()]:
                ending = self._bury(child)
                alive.remove(child)
                if child.program.name not in killed and ending != "exited":
                    self._say(child, ending)
            waited = time.monotonic() - started
            for child in alive:
                if waited > child.program.grace or at_once():
                    killed.add(child.program.name)
                    child.kill()

    def _start(self, child: Child, now: float) -> None:
        child.start(now)
        reader = child.reader
        process = child.process
        assert process is not None  # noqa: S101 - for mypy
        assert process.stdout is not None  # noqa: S101 - for mypy
        self._selector.register(process.stdout, selectors.EVENT_READ, (child, reader))

    def _bury(self, child: Child) -> str:
        process = child.process
        if process is not None and process.stdout is not None:
            self._read(child, child.reader)
            with contextlib.suppress(KeyError):
                self._selector.unregister(process.stdout)
        child.restarts += 1
        return child.bury(time.monotonic())

    def _pump(self, timeout: float) -> None:
        if not self._selector.get_map():
            time.sleep(timeout)
            return
        for key, _events in self._selector.select(timeout):
            child, reader = key.data
            self._read(child, reader)
            if reader.ended:
                self._selector.unregister(key.fileobj)

    def _read(self, child: Child, reader: LineReader | None) -> None:
        if reader is not None:
            for line in reader.read():
                self._write(child.program.name, line)

    def _say(self, child: Child, text: str) -> None:
        self._write(child.program.name, f"[supervisor] {child.program.name} {text}")


def _ending(code: int) -> str:
    if code == 0:
        return "exited"
    if code > 0:
        return f"exited with code {code}"
    return f"was killed by {signal.Signals(-code).name}"


def _dies_with(parent: int, number: signal.Signals) -> Callable[[], None] | None:
    """Return what a child runs first, so that it does not outlive its parent.

    Linux only; elsewhere the next start clears what was left behind.
    """
    try:
        prctl = ctypes.CDLL(None).prctl
    except (OSError, AttributeError):
        return None

    def prepare() -> None:
        prctl(_PR_SET_PDEATHSIG, int(number))
        if os.getppid() != parent:
            os._exit(1)

    return prepare
