from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from config.services.supervisor import Backoff, Program, Supervisor

pytestmark = pytest.mark.integration

BASE_DIR = Path(__file__).resolve().parents[3]
# One write, so that the lines of two processes do not mix.
SLEEP = r"import os, time; os.write(1, b'ready\n'); time.sleep(60)"


class Log:
    def __init__(self):
        self.lines: list[tuple[str, str]] = []

    def write(self, name, line):
        self.lines.append((name, line))


def program(name: str, code: str, **options) -> Program:
    return Program(name, (sys.executable, "-c", code), Path.cwd(), **options)


def run_until(supervisor, condition, seconds=10):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        supervisor.step(0.02)


def is_dead(process):
    """Whether it ended, though nobody may have asked how."""
    return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE


@pytest.fixture
def log():
    return Log()


@pytest.fixture
def supervise(log):
    """Start programs; whatever the test leaves is stopped."""
    made = []

    def make(*programs):
        made.append(Supervisor(programs, log.write))
        return made[-1]

    yield make
    for supervisor in made:
        supervisor.stop(at_once=lambda: True)


@pytest.mark.parametrize(
    ("uptimes", "delays"),
    [
        pytest.param([0], [0.1], id="the_first_crash_costs_little"),
        pytest.param([0] * 4, [0.1, 0.2, 0.4, 0.8], id="each_doubles"),
        pytest.param([0, 0, 10, 0], [0.1, 0.2, 0.1, 0.2], id="a_steady_run_resets"),
        pytest.param([0] * 11, [*(0.1 * 2**n for n in range(9)), 30, 30], id="bounded"),
    ],
)
def test_the_back_off_grows_until_a_program_stays_up(uptimes, delays):
    backoff = Backoff()

    assert [backoff.after(uptime) for uptime in uptimes] == pytest.approx(delays)


def test_what_a_program_prints_is_passed_on_under_its_name(supervise, log):
    supervisor = supervise(program("web", SLEEP))

    run_until(supervisor, lambda: log.lines)

    assert log.lines == [("web", "ready")]


def test_a_dead_program_starts_again(supervise, log):
    supervisor = supervise(program("web", SLEEP))
    run_until(supervisor, lambda: log.lines)

    supervisor.children[0].process.kill()
    run_until(supervisor, lambda: len(log.lines) == 3)

    assert log.lines == [
        ("web", "ready"),
        ("web", "[supervisor] web was killed by SIGKILL; starting again in 0.1 s"),
        ("web", "ready"),
    ]


def test_what_a_dead_program_left_behind_dies_too(supervise, log):
    tell = r"os.write(1, b'%d\n' % os.getpid())"
    fork = f"import os; os.fork() or {tell}; {SLEEP}"
    supervisor = supervise(program("web", fork))
    run_until(supervisor, lambda: len(log.lines) == 3)
    orphan = psutil.Process(int(next(line for _, line in log.lines if line.isdigit())))

    supervisor.children[0].process.kill()
    run_until(supervisor, lambda: is_dead(orphan))


def test_the_last_words_of_a_program_are_heard(supervise, log):
    supervisor = supervise(program("web", "import sys; sys.exit('no database')"))

    run_until(supervisor, lambda: len(log.lines) >= 2)

    assert log.lines[0] == ("web", "no database")
    assert log.lines[1][1].startswith("[supervisor] web exited with code 1;")


def test_programs_stop_stage_by_stage(supervise, log):
    say = (
        "import signal, sys, time;"
        "signal.signal(signal.SIGTERM, lambda *_: (print('bye'), sys.exit()));"
        f"{SLEEP}"
    )
    supervisor = supervise(program("last", say, stage=2), program("first", say))
    run_until(supervisor, lambda: len(log.lines) == 2)

    supervisor.stop()

    assert [line for line in log.lines if line[1] == "bye"] == [
        ("first", "bye"),
        ("last", "bye"),
    ]


def test_a_program_that_will_not_stop_is_killed(supervise, log):
    deaf = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {SLEEP}"
    supervisor = supervise(program("web", deaf, grace=0.2))
    run_until(supervisor, lambda: log.lines)
    process = psutil.Process(supervisor.children[0].process.pid)

    supervisor.stop()

    assert not process.is_running()


SUPERVISE = """
import sys
from pathlib import Path
from config.services.supervisor import Program, Supervisor
code = "import os, time; print(os.getpid(), flush=True); time.sleep(60)"
program = Program("web", (sys.executable, "-c", code), Path.cwd())
supervisor = Supervisor([program], lambda _, line: print(line, flush=True))
while True:
    supervisor.step()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="Linux only: PR_SET_PDEATHSIG.")
def test_programs_do_not_outlive_a_killed_supervisor():
    with subprocess.Popen(
        [sys.executable, "-c", SUPERVISE], cwd=BASE_DIR, stdout=subprocess.PIPE
    ) as supervisor:
        orphan = psutil.Process(int(supervisor.stdout.readline()))

        supervisor.kill()

    deadline = time.monotonic() + 5
    while not is_dead(orphan):
        assert time.monotonic() < deadline
        time.sleep(0.02)
