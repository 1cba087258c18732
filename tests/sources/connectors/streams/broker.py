"""Debian's mosquitto as a broker of the test's own."""

from __future__ import annotations

import shutil
import socket
import ssl
import subprocess
import time
from pathlib import Path

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from tests.sources.authority import Authority

# Debian keeps it where only root's PATH leads.
MOSQUITTO = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin")
PASSWORDS = "mosquitto_passwd"  # of the same package
_PATIENCE = 20  # seconds


class Broker:
    """Keeps its sessions in a file, so that it may be stopped and started again."""

    def __init__(self, directory: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self._config = directory / "mosquitto.conf"
        self._passwords = directory / "passwords"
        self._passwords.write_text("")
        self._directory = directory
        self._process: subprocess.Popen[bytes] | None = None
        self._ca = self._secured = ""
        self._login: tuple[str, str] | None = None

    @property
    def url(self) -> str:
        scheme = "mqtts" if self._ca else "mqtt"
        return f"{scheme}://127.0.0.1:{self.port}"

    def secure(self, authority: Authority, username: str, password: str) -> None:
        """Speak TLS from the next start on, and with that user alone."""
        certificate, key = authority.issue()
        self._ca, self._login = authority.pem, (username, password)
        self._secured = f"certfile {certificate}\nkeyfile {key}\n"
        told = ("-b", str(self._passwords), username, password)
        subprocess.run([PASSWORDS, *told], check=True, capture_output=True)
        self._passwords.chmod(0o644)

    def start(self, *, anonymous: bool = True) -> None:
        self._config.write_text(
            f"listener {self.port} 127.0.0.1\n{self._secured}"
            f"allow_anonymous {'true' if anonymous else 'false'}\n"
            f"password_file {self._passwords}\n"
            f"persistence true\npersistence_location {self._directory}/\n"
            "log_dest none\n"
        )
        assert MOSQUITTO is not None
        self._process = subprocess.Popen([MOSQUITTO, "-c", str(self._config)])
        deadline = time.monotonic() + _PATIENCE
        while time.monotonic() < deadline:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.01)
        raise AssertionError("mosquitto does not start")

    def stop(self) -> None:
        """End it as a restart of the service does: sessions are written."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(_PATIENCE)
            self._process = None

    def publish(self, topic: str, *payloads: str, qos: int = 1, **options) -> None:
        client = paho.Client(CallbackAPIVersion.VERSION2)
        if self._login is not None:
            client.tls_set_context(ssl.create_default_context(cadata=self._ca))
            client.username_pw_set(*self._login)
        client.connect("127.0.0.1", self.port)
        client.loop_start()
        for payload in payloads:
            client.publish(topic, payload, qos=qos, **options).wait_for_publish(
                _PATIENCE
            )
        client.disconnect()
        client.loop_stop()
