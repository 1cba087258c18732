"""The settings of a test run: the product's, on servers of the run's own.

This module is the first of ours that pytest imports. The processes of a run
(pytest-xdist's workers, commands that tests start) inherit the environment.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import shutil
import tempfile
import time
from pathlib import Path

from config.services.locks import is_in_use

OWN_STATE = "VEDETTE_TEST_VAR_DIR"

STALE_SECONDS = 3600


def remove_stale_state() -> None:
    """Forget what runs left behind that were killed before they had servers."""
    for path in Path(tempfile.gettempdir()).glob("vedette-test-*"):
        with contextlib.suppress(OSError):  # Another run may be at it, too.
            lock = path / "servers.users.lock"
            is_old = path.stat().st_mtime < time.time() - STALE_SECONDS
            if is_old and not (lock.exists() and is_in_use(lock)):
                shutil.rmtree(path, ignore_errors=True)


if OWN_STATE not in os.environ:
    remove_stale_state()
    # Short, for the sockets; open, for the system user who runs PostgreSQL.
    directory = Path(tempfile.mkdtemp(prefix="vedette-test-", dir="/tmp"))
    directory.chmod(0o755)
    (directory / "static").mkdir()
    atexit.register(shutil.rmtree, directory, ignore_errors=True)
    os.environ[OWN_STATE] = str(directory)
    # Nothing of the developer's installation reaches a test.
    for name in ("DATABASE_URL", "REDIS_URL", "DEBUG", "FILE_SOURCE_ROOTS"):
        os.environ[name] = ""
    os.environ["FILE_SOURCE_ROOTS"] = f"{directory / 'demo'}:/tmp"
    os.environ["VAR_DIR"] = str(directory)
    os.environ["SECRET_KEY"] = "only-for-tests"

from config.settings import *  # noqa: E402, F403
from config.settings import _CLUSTER, CACHES, CHANNEL_LAYERS, Q_CLUSTER, REDIS_URL  # noqa: E402

# Workers of pytest-xdist share the Redis, each in a database of its own; channels of
# publish and subscribe know no databases, so their names differ.
WORKER = os.environ.get("PYTEST_XDIST_WORKER", "gw0")
REDIS_URL = REDIS_URL.replace("db=0", f"db={int(WORKER.removeprefix('gw')) + 1}")
CHANNEL_LAYERS["default"]["CONFIG"] = {
    "hosts": [REDIS_URL],
    "prefix": f"vedette-{WORKER}",
}
CACHES["default"]["LOCATION"] = REDIS_URL
Q_CLUSTER["redis"] = _CLUSTER["redis"] = REDIS_URL
Q_CLUSTER["ALT_CLUSTERS"]["ingest"]["redis"] = REDIS_URL

# The tests' passwords are not worth a slow hash.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]

# Tests import the web process's application into their own: they keep to connections
# by thread, which they can close.
DB_POOL_SIZE = 0
