"""A real Prometheus that scrapes an exporter of ours and remote-writes to a platform."""

from __future__ import annotations

import contextlib
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx

from tests.platform import free_port

PROMETHEUS, PROMTOOL = Path("/usr/bin/prometheus"), Path("/usr/bin/promtool")

_CONFIG = """
global: {{scrape_interval: 500ms, scrape_timeout: 400ms}}
scrape_configs:
- job_name: shop
  static_configs: [{{targets: ["127.0.0.1:{exporter}"]}}]
remote_write:
- url: {url}/api/v1/write
  authorization: {{credentials: {token}}}
  metadata_config: {{send_interval: 1s}}
  queue_config: {{min_backoff: 30ms, max_backoff: 500ms, batch_send_deadline: 200ms,
    min_shards: 1, max_shards: 1}}
"""


class _Exporter(BaseHTTPRequestHandler):
    """Counters that grow with each scrape, a histogram, and values hard to write."""

    scrapes = 0

    def do_GET(self) -> None:
        type(self).scrapes += 1
        body = _exposition(self.scrapes).encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; version=0.0.4")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_args: object) -> None:
        """Say nothing."""


def _exposition(scrape: int) -> str:
    lines = ["# HELP orders_total Orders.", "# TYPE orders_total counter"]
    lines += [
        f'orders_total{{shop="{shop}",path="/a\\"b"}} {scrape * (shop + 1)}'
        for shop in range(20)
    ]
    lines += ["# TYPE wait_seconds histogram"]
    lines += [
        f'wait_seconds_bucket{{le="{le}"}} {scrape * count}'
        for le, count in (("0.1", 1), ("1", 4), ("+Inf", 5))
    ]
    lines += [f"wait_seconds_sum {scrape * 2.5}", f"wait_seconds_count {scrape * 5}"]
    lines += ["# TYPE odd gauge", 'odd{v="nan"} NaN', 'odd{v="inf"} -Inf']
    lines += [f'odd{{v="small"}} {scrape * 1e-9}']
    return "\n".join(lines) + "\n"


@dataclass(frozen=True, slots=True)
class PrometheusAPI:
    """The HTTP API of Prometheus, at whoever speaks it."""

    base: str
    token: str = ""

    def get(self, path: str, **parameters: str) -> Any:
        """Return the data of a good answer; `match` stands for match[]."""
        named = {k.replace("match", "match[]"): v for k, v in parameters.items()}
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        answer = httpx.get(
            f"{self.base}/api/v1/{path}", params=named, headers=headers, timeout=20
        )
        return answer.raise_for_status().json()["data"]

    def await_ready(self) -> None:
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            with contextlib.suppress(httpx.HTTPError):
                if httpx.get(f"{self.base}/-/ready", timeout=2).is_success:
                    return
            time.sleep(0.1)
        raise TimeoutError("Prometheus does not start")


@contextlib.contextmanager
def exporter() -> Iterator[int]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Exporter)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield int(server.server_address[1])
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextlib.contextmanager
def prometheus(directory: Path, *, url: str, token: str) -> Iterator[PrometheusAPI]:
    """Run Prometheus until the end; it scrapes and sends all the while."""
    port = free_port()
    with exporter() as scraped:
        config = _CONFIG.format(exporter=scraped, url=url, token=token)
        (directory / "prometheus.yml").write_text(config)
        with (directory / "prometheus.log").open("w") as log:
            process = subprocess.Popen(
                [
                    PROMETHEUS,
                    f"--config.file={directory}/prometheus.yml",
                    f"--storage.tsdb.path={directory}/data",
                    f"--web.listen-address=127.0.0.1:{port}",
                ],
                stdout=log,
                stderr=subprocess.STDOUT,
            )
            try:
                api = PrometheusAPI(f"http://127.0.0.1:{port}")
                api.await_ready()
                yield api
            finally:
                process.terminate()
                process.wait(30)
