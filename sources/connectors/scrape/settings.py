"""A scrape source's configuration, read once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import quote

from sources.connectors.scrape.relabelling import Rule, parse_rules

MAX_TARGETS = 5000
# Whatever a target sends, more is not read; body_size_limit can only lower it.
MAX_BODY_BYTES = 64 * 2**20

Labels = Mapping[str, str]


class InvalidGroupsError(ValueError):
    """What is listed are no target groups; the text says why."""


@dataclass(frozen=True, slots=True)
class Group:
    """Addresses that share labels, as all kinds of discovery list them."""

    targets: tuple[str, ...]
    labels: Labels


@dataclass(frozen=True, slots=True)
class Tls:
    verify: bool
    ca: str  # PEM; empty: the system's
    server_name: str


@dataclass(frozen=True, slots=True)
class Limits:
    """0 stands for no limit but our own."""

    samples: int
    labels: int
    label_name: int
    label_value: int
    body: int


@dataclass(frozen=True, slots=True)
class ScrapeSettings:
    """Times are in seconds."""

    job: str
    groups: tuple[Group, ...]
    files: tuple[str, ...]
    urls: tuple[str, ...]
    url_refresh: float
    interval: float
    timeout: float
    scheme: str
    path: str
    params: Mapping[str, Sequence[str]]
    headers: Mapping[str, str]
    username: str
    password: str
    bearer_token: str
    tls: Tls
    follow_redirects: bool
    honor_labels: bool
    honor_timestamps: bool
    track_timestamps_staleness: bool
    relabel: tuple[Rule, ...]
    metric_relabel: tuple[Rule, ...]
    limits: Limits

    @classmethod
    def of(cls, config: Mapping[str, Any], name: str) -> Self:
        """Raises InvalidGroupsError and InvalidRelabellingError."""
        get = config.get
        groups = parse_groups(get("static_configs", []))
        if get("targets"):
            groups = (Group(tuple(config["targets"]), {}), *groups)
        return cls(
            job=get("job") or name,
            groups=groups,
            files=tuple(get("file_sd", ())),
            urls=tuple(get("http_sd", ())),
            url_refresh=get("http_sd_refresh_seconds", 60),
            interval=get("interval_seconds", 15),
            timeout=get("timeout_seconds", 10),
            scheme=get("scheme", "http"),
            path=get("path", "/metrics"),
            params=get("params", {}),
            headers=get("headers", {}),
            username=get("username", ""),
            password=get("password", ""),
            bearer_token=get("bearer_token", ""),
            tls=Tls(
                get("tls_verify", True), get("tls_ca", ""), get("tls_server_name", "")
            ),
            follow_redirects=get("follow_redirects", True),
            honor_labels=get("honor_labels", False),
            honor_timestamps=get("honor_timestamps", True),
            track_timestamps_staleness=get("track_timestamps_staleness", False),
            relabel=parse_rules(get("relabel_configs", [])),
            metric_relabel=parse_rules(get("metric_relabel_configs", [])),
            limits=Limits(
                get("sample_limit", 0),
                get("label_limit", 0),
                get("label_name_length_limit", 0),
                get("label_value_length_limit", 0),
                get("body_size_limit", 0) or MAX_BODY_BYTES,
            ),
        )

    @property
    def target_labels(self) -> dict[str, str]:
        """Return what every target has before it is relabelled."""
        return {
            "job": self.job,
            "__scheme__": self.scheme,
            "__metrics_path__": self.path,
            "__scrape_interval__": f"{self.interval:g}s",
            "__scrape_timeout__": f"{self.timeout:g}s",
            **{
                f"__param_{k}": values[0] for k, values in self.params.items() if values
            },
        }


def parse_groups(listed: Any) -> tuple[Group, ...]:
    """Read target groups, as static_configs and discovery have them.

    Raises InvalidGroupsError.
    """
    if not isinstance(listed, list):
        raise InvalidGroupsError("Target groups are a list.")
    return tuple(_group(entry) for entry in listed)


def _group(entry: Any) -> Group:
    if not isinstance(entry, dict) or entry.keys() - {"targets", "labels"}:
        raise InvalidGroupsError("A target group has targets and labels, nothing else.")
    targets, labels = entry.get("targets") or [], entry.get("labels") or {}
    if not isinstance(targets, list) or not all(isinstance(t, str) for t in targets):
        raise InvalidGroupsError("The targets of a group are a list of texts.")
    if not isinstance(labels, dict):
        raise InvalidGroupsError("The labels of a group are an object of texts.")
    texts = {str(name): _text(value) for name, value in labels.items()}
    return Group(tuple(targets), texts)


def _text(value: Any) -> str:
    """YAML reads unquoted numbers as such."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise InvalidGroupsError("The value of a label is a text.")
    return str(value)


def query_of(params: Mapping[str, Sequence[str]]) -> str:
    pairs = (
        (name, value) for name, values in sorted(params.items()) for value in values
    )
    return "&".join(f"{quote(name, safe='')}={quote(v, safe='')}" for name, v in pairs)
