"""Measuring leaves nothing behind, however it ends."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.integration

ROOT = Path(__file__).resolve().parent.parent.parent
# Two small parts in the place of the large ones; each says where its state is.
SCRIPT = """
import json, os, time
from tests.bench import run

def look():
    try:
        run._use_scratch_django()
        from django.db import connection
        connection.ensure_connection()
    finally:
        print(json.dumps({"directory": os.environ["VAR_DIR"]}), flush=True)
    return {}

def rest():
    look()
    time.sleep(60)

run.PARTS = {"look": look, "rest": rest}
run.__file__ = __file__
run.main()
"""


@pytest.fixture
def measure(tmp_path):
    """Start the script with the names of parts."""
    script = tmp_path / "bench.py"
    script.write_text(SCRIPT)

    def _measure(*parts: str, **environment: str) -> subprocess.Popen[str]:
        inherited = {
            name: value
            for name, value in os.environ.items()
            if name not in {"DJANGO_SETTINGS_MODULE", "VEDETTE_TEST_VAR_DIR", "VAR_DIR"}
        }
        return subprocess.Popen(
            [sys.executable, script, *parts, "--json"],
            env={**inherited, "PYTHONPATH": str(ROOT), **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    return _measure


def directory_in(line: str) -> Path:
    return Path(json.loads(line)["directory"])


def test_a_part_s_state_goes_where_the_database_cannot_be_migrated(measure):
    process = measure("look", DATABASE_URL="postgres://nobody@127.0.0.1:1/nothing")
    output, problems = process.communicate()

    directory = directory_in(output)
    assert process.returncode == 1
    assert "OperationalError" in problems
    assert not directory.exists()


def test_each_part_s_state_goes_with_it_also_when_it_is_interrupted(measure):
    process = measure("look", "rest")
    ended, _figures, interrupted = (process.stdout.readline() for _ in range(3))
    first, second = directory_in(ended), directory_in(interrupted)
    existed = first.exists(), second.exists()

    process.send_signal(signal.SIGTERM)
    process.communicate()

    assert process.returncode == 128 + signal.SIGTERM
    assert existed == (False, True)
    assert not second.exists()
