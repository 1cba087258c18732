"""Where the embedded servers of one installation live: standard library only.

Settings, the supervisor and the tests must agree on these paths without
starting anything.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

# The kernel keeps a socket's path in 108 bytes, some systems in 104.
LONGEST_SOCKET_PATH = 103


def postgres_data(var_dir: Path) -> Path:
    return var_dir / "postgres"


def redis_data(var_dir: Path) -> Path:
    return var_dir / "redis"


def log_directory(var_dir: Path) -> Path:
    return var_dir / "log"


def runtime_directory(var_dir: Path) -> Path:
    """Return the directory of an installation's sockets.

    It lies in VAR_DIR unless that makes a path too long for a socket.
    """
    inside = var_dir / "run"
    if len(os.fsencode(inside / ".s.PGSQL.5432")) <= LONGEST_SOCKET_PATH:
        return inside
    digest = hashlib.blake2b(os.fsencode(var_dir), digest_size=8).hexdigest()
    # Not the TMPDIR of whoever asks: every command must find the same place.
    return Path("/tmp") / f"vedette-{os.getuid()}-{digest}"  # noqa: S108


def postgres_socket(var_dir: Path) -> Path:
    return runtime_directory(var_dir) / ".s.PGSQL.5432"


def redis_socket(var_dir: Path) -> Path:
    return runtime_directory(var_dir) / "redis.sock"


def embedded_database(var_dir: Path) -> dict[str, Any]:
    """Return Django's description of the embedded PostgreSQL."""
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": "vedette",
        "USER": "postgres",
        "HOST": str(runtime_directory(var_dir)),
        "OPTIONS": {},
    }


def embedded_redis_url(var_dir: Path) -> str:
    return f"unix://{redis_socket(var_dir)}?db=0"
