from __future__ import annotations

import re
import signal
import socket
import time

import psutil
import pytest
from django.conf import settings

from tests.processes.conftest import START_SECONDS, wait_until

pytestmark = pytest.mark.integration

KILLED = {
    "postgres": (("postgres", "-D"), ""),
    "redis": (("redis-server",), ""),
    "keeper": (("config.services.keeper",), ""),
    "web": (("daphne",), ""),
    "collector": (("manage.py", "collect"), ""),
    "beat": (("manage.py", "beat"), ""),
    "ingest_workers": (("qcluster",), "ingest"),
    "default_workers": (("qcluster",), "default"),
}

# Where each stands among the processes of a cluster, in order of birth.
FAMILY = {"sentinel": 0, "worker": 1, "monitor": -2, "pusher": -1}


def test_the_log_names_the_process_of_each_line(platform):
    lines = platform.output.read_text().splitlines()

    prefixes = {line[: line.index("|")].strip() for line in lines if "|" in line}
    assert prefixes <= {
        *("web", "ingest", "default", "collector", "beat"),
        *("postgres", "redis", "up"),
    }


def test_the_start_ends_with_the_address(platform):
    assert f"http://localhost:{platform.port}/" in platform.output.read_text()


def test_the_password_of_the_first_run_reaches_no_log_file(platform):
    password = re.search(r"Password +(\S+)", platform.output.read_text())

    assert password is not None
    for log in (platform.var_dir / "log").iterdir():
        assert password[1] not in log.read_text()


def test_secrets_are_for_their_user_alone(platform):
    assert (platform.var_dir / "secret_key").stat().st_mode & 0o077 == 0
    assert (platform.var_dir / "postgres").stat().st_mode & 0o077 == 0
    assert (platform.var_dir / "run").stat().st_mode & 0o077 == 0


def test_nothing_listens_on_a_port_but_the_web_process(platform):
    listening = [
        connection.laddr.port
        for process in platform.processes()
        for connection in process.net_connections(kind="inet")
        if connection.status == psutil.CONN_LISTEN
    ]

    assert listening == [platform.port]


def test_a_command_uses_the_servers_of_up_and_leaves_them_running(platform):
    before = platform.find("postgres", "-D").pid

    outcome = platform.run("migrate", "--check")

    assert outcome.returncode == 0, outcome.stderr
    assert platform.find("postgres", "-D").pid == before


def test_a_second_up_for_the_same_state_names_the_first(platform):
    outcome = platform.run("up", "--port", "1")

    assert outcome.returncode == 1
    assert f"already running on {platform.var_dir}" in outcome.stderr
    assert str(platform.find("manage.py", "up").pid) in outcome.stderr


def test_a_port_that_is_taken_is_named(make_platform):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        outcome = make_platform().run("up", "--port", str(port))

    assert outcome.returncode == 1
    assert f"Port {port} is taken by another program." in outcome.stderr


@pytest.mark.parametrize("name", KILLED)
def test_a_killed_process_comes_back(platform, name):
    words, queue = KILLED[name]
    victim = platform.find(*words, queue=queue)

    victim.kill()

    wait_until(
        lambda: not victim.is_running() and _runs(platform, words, queue),
        platform.processes,
    )
    wait_until(lambda: not platform.reasons(), platform.reasons)


@pytest.mark.parametrize("name", ["postgres", "redis"])
def test_a_crashed_server_is_back_within_two_seconds(platform, name):
    words, queue = KILLED[name]
    victim = platform.find(*words, queue=queue)

    victim.kill()
    started = time.monotonic()
    wait_until(lambda: not victim.is_running(), platform.processes)
    wait_until(lambda: not platform.reasons(), platform.reasons)

    assert time.monotonic() - started < 2


@pytest.mark.parametrize("name", FAMILY)
def test_any_killed_process_of_the_workers_is_replaced(platform, name):
    """An idle worker holds the lock of its queue: whoever follows needs another."""
    complete = settings.Q_CLUSTER["workers"] + 3
    wait_until(lambda: len(workers(platform)) == complete, platform.processes)
    victim = workers(platform)[FAMILY[name]]
    before = platform.newest_heartbeat("worker-default")

    victim.kill()

    wait_until(
        lambda: platform.newest_heartbeat("worker-default") > before, platform.processes
    )


def workers(platform) -> list[psutil.Process]:
    """Return the processes of the default queue, below the one that `up` started."""
    cluster = platform.find("qcluster", queue="default")
    return sorted(cluster.children(recursive=True), key=lambda process: process.pid)


def _runs(platform, words, queue):
    try:
        return platform.find(*words, queue=queue).is_running()
    except ValueError:
        return False


def test_up_starts_again_after_it_was_killed(platform):
    platform.stop(signal.SIGKILL)
    wait_until(lambda: platform.processes() == [], platform.processes)

    platform.start()

    wait_until(lambda: not platform.reasons(), platform.reasons, START_SECONDS)


def test_ctrl_c_stops_everything(platform):
    code = platform.stop(signal.SIGINT)

    assert code == 0
    assert platform.processes() == []
