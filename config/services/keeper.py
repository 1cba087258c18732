"""The process that keeps the embedded servers, for as long as anyone uses them.

Every user (a command, `up`, a test run) holds a shared lock on one file. The
keeper starts the servers, restarts them when they crash, and stops them when it
gets that lock for itself: then the last user has left, even by kill -9.

Standard library only: it starts quickly and stays small.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import sys
import time
from pathlib import Path

from config.services import locations, postgres, redis_server
from config.services.locks import FileLock
from config.services.logbook import LogFiles
from config.services.supervisor import Program, Supervisor
from config.services.system_user import (
    ServiceError,
    open_the_way,
    private_directory,
    servers_user,
)


def users_lock(var_dir: Path) -> Path:
    return var_dir / "servers.users.lock"


def keeper_lock(var_dir: Path) -> Path:
    return var_dir / "servers.lock"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("var_dir", type=Path)
    parser.add_argument("--servers", default="postgres,redis")
    parser.add_argument("--throwaway", action="store_true")
    options = parser.parse_args()
    lock = FileLock(keeper_lock(options.var_dir))
    if not lock.try_exclusive():
        return 0  # Another keeper is at work.
    try:
        programs = _prepare(
            options.var_dir, options.servers.split(","), throwaway=options.throwaway
        )
    except (ServiceError, OSError) as error:
        print(error, file=sys.stderr)  # noqa: T201 - read by whoever started this
        return 1
    if os.fork():
        return 0  # The caller goes on; the servers belong to nobody's terminal.
    _detach()
    lock.write(f"{os.getpid()}\n")
    _keep(options.var_dir, programs, throwaway=options.throwaway)
    return 0


def _prepare(var_dir: Path, servers: list[str], *, throwaway: bool) -> list[Program]:
    user = servers_user()
    if user:
        open_the_way(var_dir / "run")
    private_directory(locations.runtime_directory(var_dir), user)
    programs = []
    if "redis" in servers:
        redis_server.prepare(var_dir, user)
        programs.append(redis_server.program(var_dir, user, throwaway=throwaway))
    if "postgres" in servers:
        postgres.prepare(var_dir, user, throwaway=throwaway)
        programs.append(postgres.program(var_dir, user, throwaway=throwaway))
    return programs


def _detach() -> None:
    os.setsid()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    nowhere = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nowhere, descriptor)
    os.close(nowhere)


def _keep(var_dir: Path, programs: list[Program], *, throwaway: bool) -> None:
    told_to_stop = False

    def stop(number: int, frame: object) -> None:
        nonlocal told_to_stop
        told_to_stop = True

    signal.signal(signal.SIGTERM, stop)
    users = FileLock(users_lock(var_dir))
    logs = LogFiles(locations.log_directory(var_dir))
    supervisor = Supervisor(programs, logs.write)
    started = time.monotonic()
    while not told_to_stop and not users.try_exclusive():
        supervisor.step()
    logs.write("servers", f"stopping after {time.monotonic() - started:.0f} s")
    supervisor.stop()
    logs.close()
    if throwaway:
        shutil.rmtree(var_dir, ignore_errors=True)
        shutil.rmtree(locations.runtime_directory(var_dir), ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
