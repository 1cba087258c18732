from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil
import psycopg
import pytest

from config.services import locations, postgres, redis_server
from config.services.keeper import keeper_lock
from config.services.locks import is_held
from config.services.sharing import Servers
from config.services.system_user import ServiceError

pytestmark = pytest.mark.integration

BASE_DIR = Path(__file__).resolve().parents[3]
JOIN = """
import sys, time
from pathlib import Path
from config.services.sharing import Servers
servers = Servers(Path(sys.argv[1]))
servers.join()
print("joined", flush=True)
time.sleep(60)
"""


@pytest.fixture
def var_dir():
    directory = Path(tempfile.mkdtemp(prefix="vedette-servers-", dir="/tmp"))
    directory.chmod(0o755)
    yield directory
    wait_until(lambda: not keeper_runs(directory))
    shutil.rmtree(directory)


def keeper_runs(var_dir: Path) -> bool:
    return keeper_lock(var_dir).exists() and is_held(keeper_lock(var_dir))


def running(var_dir: Path) -> bool:
    return postgres.answers(var_dir) and redis_server.answers(var_dir)


def wait_until(condition, seconds=20):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def postmaster(var_dir: Path) -> psutil.Process:
    pid_file = locations.postgres_data(var_dir) / "postmaster.pid"
    return psutil.Process(int(pid_file.read_text().splitlines()[0]))


def other_user(var_dir: Path) -> subprocess.Popen[bytes]:
    """Another process that uses the servers, and has joined."""
    process = subprocess.Popen(
        [sys.executable, "-c", JOIN, str(var_dir)],
        cwd=BASE_DIR,
        stdout=subprocess.PIPE,
    )
    assert process.stdout.readline() == b"joined\n"
    process.stdout.close()
    return process


def test_servers_run_from_the_first_user_to_the_last(var_dir):
    first, second = Servers(var_dir), Servers(var_dir)
    seen = []

    for step in (first.join, second.join, first.leave, second.leave):
        step()
        seen.append(running(var_dir))

    assert seen == [True, True, True, False]


def test_the_last_user_leaves_no_process(var_dir):
    servers = Servers(var_dir)
    servers.join()
    process = postmaster(var_dir)

    servers.leave()

    assert not process.is_running()
    assert not keeper_runs(var_dir)


def test_data_outlive_the_servers(var_dir):
    for statement in ("CREATE TABLE kept (n int)", "INSERT INTO kept VALUES (1)"):
        servers = Servers(var_dir)
        servers.join()
        execute(var_dir, statement)
        servers.leave()

    servers.join()
    rows = execute(var_dir, "SELECT n FROM kept")
    servers.leave()

    assert rows == [(1,)]


def execute(var_dir, statement):
    host = str(locations.runtime_directory(var_dir))
    with psycopg.connect(host=host, user="postgres", dbname="vedette") as connection:
        cursor = connection.execute(statement)
        return cursor.fetchall() if cursor.description else []


def test_users_who_come_at_the_same_time_share_one_set(var_dir):
    users = [
        subprocess.Popen(
            [sys.executable, "-c", JOIN, str(var_dir)],
            cwd=BASE_DIR,
            stdout=subprocess.PIPE,
        )
        for _ in range(4)
    ]
    for user in users:
        assert user.stdout.readline() == b"joined\n"
    masters = [
        process
        for process in psutil.process_iter()
        if process.pid == postmaster(var_dir).pid
        or ("redis-server" in process.name() and _uses(process, var_dir))
    ]

    assert len(masters) == 2
    for user in users:
        user.kill()
        user.wait()
        user.stdout.close()


def _uses(process, var_dir):
    return str(var_dir) in " ".join(process.cmdline())


def test_a_killed_user_counts_no_more(var_dir):
    user = other_user(var_dir)
    process = postmaster(var_dir)

    user.kill()
    user.wait()

    wait_until(lambda: not process.is_running() and not keeper_runs(var_dir))


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGQUIT, signal.SIGTERM])
def test_a_dead_postgres_comes_back(var_dir, number):
    servers = Servers(var_dir)
    servers.join()
    process = postmaster(var_dir)

    process.send_signal(number)
    wait_until(lambda: not process.is_running())
    wait_until(lambda: running(var_dir), 5)

    servers.leave()


def test_servers_do_not_outlive_a_killed_keeper(var_dir):
    servers = Servers(var_dir)
    servers.join()
    process = postmaster(var_dir)

    os.kill(int(keeper_lock(var_dir).read_text()), signal.SIGKILL)
    wait_until(lambda: not process.is_running())

    servers.leave()


def test_a_killed_keeper_has_a_successor(var_dir):
    servers = Servers(var_dir)
    servers.join()
    os.kill(int(keeper_lock(var_dir).read_text()), signal.SIGKILL)
    wait_until(lambda: not keeper_runs(var_dir))

    servers.revive()

    wait_until(lambda: running(var_dir))
    servers.leave()


def test_two_installations_do_not_meet(var_dir):
    neighbour = var_dir / "neighbour"
    neighbour.mkdir()
    both = Servers(var_dir), Servers(neighbour)
    for servers in both:
        servers.join()

    execute(var_dir, "CREATE TABLE mine (n int)")

    with pytest.raises(psycopg.errors.UndefinedTable):
        execute(neighbour, "SELECT n FROM mine")
    for servers in both:
        servers.leave()


def test_a_path_too_long_for_a_socket_is_no_obstacle(var_dir):
    deep = var_dir / ("d" * 50) / ("e" * 50)
    deep.mkdir(parents=True)
    servers = Servers(deep)

    servers.join()

    assert running(deep)
    servers.leave()
    shutil.rmtree(locations.runtime_directory(deep))


def test_data_of_another_postgres_are_left_alone(var_dir):
    data = locations.postgres_data(var_dir)
    data.mkdir()
    (data / "PG_VERSION").write_text("17\n")

    servers = Servers(var_dir)
    with pytest.raises(ServiceError, match="was made by PostgreSQL 17"):
        servers.join()

    servers.leave()
    assert [path.name for path in data.iterdir()] == ["PG_VERSION"]


@pytest.mark.skipif(os.geteuid() != 0, reason="Only root sees other users' files.")
def test_a_socket_directory_of_a_stranger_is_refused(var_dir):
    stranger = var_dir / "run"
    stranger.mkdir()
    os.chown(stranger, 65534, 65534)

    servers = Servers(var_dir)
    with pytest.raises(ServiceError, match="belongs to user 65534"):
        servers.join()

    servers.leave()
