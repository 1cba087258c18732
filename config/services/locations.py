"""Where the embedded servers of one installation listen: standard library only.

Settings, the supervisor and the tests must agree on these paths without
starting anything.
"""

from __future__ import annotations

import hashlib
import tempfile
from pathlib import Path
from typing import Any


def runtime_directory(var_dir: Path) -> Path:
    """Return the directory of an installation's sockets.

    It is short, because a socket path may have 107 bytes at most, and named after
    VAR_DIR, so that installations do not meet.
    """
    digest = hashlib.blake2b(str(var_dir).encode(), digest_size=6).hexdigest()
    return Path(tempfile.gettempdir()) / f"vedette-{digest}"


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
    return f"unix://{runtime_directory(var_dir) / 'redis.sock'}?db=0"
