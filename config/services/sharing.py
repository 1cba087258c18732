"""How commands, web processes and tests share one set of embedded servers."""

from __future__ import annotations

import atexit
import os
import subprocess
import sys
import time
from pathlib import Path

from config.services import locations, postgres, redis_server
from config.services.keeper import keeper_lock, users_lock
from config.services.locks import FileLock, is_held
from config.services.system_user import ServiceError

_BASE_DIR = Path(__file__).resolve().parent.parent.parent
_START_TIMEOUT = 60.0
_STOP_TIMEOUT = 60.0
_PROBES = {"postgres": postgres.answers, "redis": redis_server.answers}


class Servers:
    """This process's use of the embedded servers of one installation.

    They run at least from `join` to `leave`, and no longer than their last user.
    """

    def __init__(
        self,
        var_dir: Path,
        names: tuple[str, ...] = ("redis", "postgres"),
        *,
        throwaway: bool = False,
    ) -> None:
        self._var_dir = var_dir
        self._names = names
        self._throwaway = throwaway
        self._users: FileLock | None = None
        self._pid = os.getpid()

    def reserve(self) -> None:
        """Become a user, without waiting for the servers."""
        if self._users is None:
            self._users = FileLock(users_lock(self._var_dir))
            self._users.share()

    def join(self) -> None:
        """Become a user; return when the servers answer."""
        self.reserve()
        deadline = time.monotonic() + _START_TIMEOUT
        self.revive()
        while silent := self._silent():
            if time.monotonic() > deadline:
                raise ServiceError(self._complaint(silent))
            # PostgreSQL logs each question that comes too early.
            time.sleep(0.05)
            self.revive()

    def revive(self) -> None:
        """Start a keeper when there is none: the first time, or after its death."""
        if not is_held(keeper_lock(self._var_dir)):
            self._start_keeper()

    def leave(self) -> None:
        """Stop being a user; the last one waits until the servers have stopped."""
        # A forked child shares the lock and must not give it away.
        if self._users is None or os.getpid() != self._pid:
            return
        self._users.release()
        self._await_stop(self._users)
        self._users.close()
        self._users = None

    def _await_stop(self, users: FileLock) -> None:
        deadline = time.monotonic() + _STOP_TIMEOUT
        keeper = keeper_lock(self._var_dir)
        while keeper.exists() and is_held(keeper) and time.monotonic() < deadline:
            if users.try_exclusive():  # Nobody is left; the keeper will notice.
                users.release()
            elif users.try_share():  # Others go on.
                users.release()
                return
            time.sleep(0.05)

    def _silent(self) -> list[str]:
        return [name for name in self._names if not _PROBES[name](self._var_dir)]

    def _start_keeper(self) -> None:
        command = [
            *(sys.executable, "-m", "config.services.keeper"),
            *(str(self._var_dir), "--servers", ",".join(self._names)),
            *(("--throwaway",) if self._throwaway else ()),
        ]
        outcome = subprocess.run(  # noqa: S603 - our own module
            command,
            check=False,
            cwd=_BASE_DIR,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            start_new_session=True,
        )
        if outcome.returncode:
            raise ServiceError(outcome.stderr.strip())

    def _complaint(self, silent: list[str]) -> str:
        lines = [f"The embedded {' and '.join(silent)} did not start."]
        for name in silent:
            log = locations.log_directory(self._var_dir) / f"{name}.log"
            if log.exists():
                lines.append(f"The end of {log}:")
                lines += log.read_text(errors="replace").splitlines()[-10:]
        return "\n".join(lines)


_joined: dict[Path, Servers] = {}


def ensure_running() -> Servers | None:
    """Make sure that the embedded servers which settings ask for are running.

    They are shared with every other process of this installation and stop when
    the last one ends. None when URLs of other servers are configured.
    """
    from django.conf import settings  # noqa: PLC0415 - the keeper imports no Django

    names = tuple(
        name
        for name, wanted in (
            ("redis", settings.EMBEDDED_REDIS),
            ("postgres", settings.EMBEDDED_POSTGRES),
        )
        if wanted
    )
    if not names:
        return None
    servers = _joined.get(settings.VAR_DIR)
    if servers is None:
        servers = _joined[settings.VAR_DIR] = Servers(settings.VAR_DIR, names)
        atexit.register(servers.leave)
        servers.join()
    return servers
