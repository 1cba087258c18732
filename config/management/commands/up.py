from __future__ import annotations

import errno
import io
import os
import signal
import socket
import sys
import time
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import OperationalError, connections
from redis import RedisError
from typing_extensions import override

from config.services import locations, preparation
from config.services.locks import FileLock
from config.services.logbook import Console, Follower, LogFiles
from config.services.processes import Address, programs
from config.services.sharing import Servers, ensure_running
from config.services.supervisor import Supervisor
from config.services.system_user import ServiceError

_SERVERS = ("postgres", "redis")
_NAMES = ("collector", "beat", "web", "ingest", "default", *_SERVERS, "up")
_REVIVE_EVERY = 0.5


class Command(BaseCommand):
    help = "Starts the whole platform on this host and keeps it running."
    # It starts the database itself.
    requires_system_checks = []

    @override
    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--port", type=int, default=8000)
        parser.add_argument("--bind", default="127.0.0.1", help="Address to listen on.")

    @override
    def handle(self, *args: Any, port: int, bind: str, **options: Any) -> None:
        started = time.monotonic()
        lock = self._only_one()
        address = Address(bind, port)
        _require_free(address)
        Up(lock, address, started).run()

    def _only_one(self) -> FileLock:
        path = settings.VAR_DIR / "up.lock"
        lock = FileLock(path)
        if not lock.try_exclusive():
            raise CommandError(
                f"Vedette is already running on {settings.VAR_DIR}, started by process "
                f"{path.read_text().strip() or 'unknown'}. For a second one, set "
                "VAR_DIR and PORT."
            )
        lock.write(f"{os.getpid()}\n")
        return lock


class Up:
    """One run of the platform, from the first server to the last farewell."""

    def __init__(self, lock: FileLock, address: Address, started: float) -> None:
        self._lock = lock
        self._address = address
        self._started = started
        self._interrupts = 0
        self._greeting: list[str] = []
        self._files = LogFiles(locations.log_directory(settings.VAR_DIR))
        self._console = Console(sys.stdout, _NAMES)
        self._servers: Servers | None = None
        self._followers = {
            name: Follower(locations.log_directory(settings.VAR_DIR) / f"{name}.log")
            for name in _SERVERS
        }

    def run(self) -> None:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._interrupt)
        try:
            self._prepare()
            if not self._interrupts:
                self._supervise()
        except ServiceError as error:
            raise CommandError(str(error)) from error
        except (OperationalError, RedisError) as error:
            raise CommandError(f"A server cannot be used: {error}") from error
        finally:
            self._stop_servers()
            self._files.close()
            self._lock.close()

    def _prepare(self) -> None:
        self._say("Starting.")
        self._servers = ensure_running()
        call_command("check")
        if preparation.migrate():
            self._say("The database was brought up to date.")
        if preparation.collect_static():
            self._say("Static files were gathered.")
        welcome = io.StringIO()
        call_command("first_run", stdout=welcome)
        self._greeting = welcome.getvalue().splitlines()
        connections.close_all()

    def _supervise(self) -> None:
        environment = {"VAR_DIR": str(settings.VAR_DIR)}
        if not os.environ.get("SITE_ROOT"):
            environment["SITE_ROOT"] = self._address.url
        supervisor = Supervisor(
            programs(settings.BASE_DIR, self._address, environment), self._write
        )
        greeted = False
        revive_at = 0.0
        while not self._interrupts:
            supervisor.step()
            self._follow_servers()
            if not greeted and _answers(self._address):
                greeted = True
                self._greet()
            if self._servers and time.monotonic() >= revive_at:
                self._servers.revive()
                revive_at = time.monotonic() + _REVIVE_EVERY
        self._say("Stopping. Once more to stop at once.")
        supervisor.stop(at_once=lambda: self._interrupts > 1)

    def _stop_servers(self) -> None:
        connections.close_all()
        if self._servers:
            self._servers.leave()
        self._follow_servers()
        self._say("Stopped.")

    def _greet(self) -> None:
        seconds = time.monotonic() - self._started
        self._say(f"Ready after {seconds:.0f} s:  {self._address.url}/")
        for line in self._greeting:
            # To the screen alone: a log file is no place for a password.
            self._console.write("up", line)
        self._say("Ctrl-C stops everything.")

    def _interrupt(self, number: int, frame: object) -> None:
        self._interrupts += 1

    def _follow_servers(self) -> None:
        for name, follower in self._followers.items():
            for line in follower.read():
                self._console.write(name, line)

    def _say(self, line: str) -> None:
        self._write("up", line)

    def _write(self, name: str, line: str) -> None:
        self._files.write(name, line)
        self._console.write(name, line)


def _require_free(address: Address) -> None:
    """Refuse to start on an address that cannot be listened on."""
    try:
        family, kind, protocol, _, target = socket.getaddrinfo(
            address.bind, address.port, type=socket.SOCK_STREAM
        )[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(target)
    except OSError as error:
        raise CommandError(_why_not_free(address, error)) from error


def _why_not_free(address: Address, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return (
            f"Port {address.port} is taken by another program. "
            f"Choose another one: make up PORT={address.port + 1}"
        )
    return f"Cannot listen on {address.bind} port {address.port}: {error.strerror}."


def _answers(address: Address) -> bool:
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(address.bind, address.bind)  # noqa: S104
    try:
        with socket.create_connection((host, address.port), timeout=0.2):
            return True
    except OSError:
        return False
