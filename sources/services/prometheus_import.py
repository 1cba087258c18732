"""The scrape_configs of a prometheus.yml as settings of sources."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

from monitoring.durations import milliseconds_of

MAX_BYTES = 8 * 2**20
_DEFAULT_INTERVAL, _DEFAULT_TIMEOUT = "1m", "10s"
_UNITS = {"": 1, "b": 1}
_UNITS |= {
    f"{letter}{ending}": 1024**power
    for power, letter in enumerate("kmgt", 1)
    for ending in ("b", "ib")
}
# What both call alike.
_SAME = (
    *("scheme", "params", "honor_labels", "honor_timestamps", "follow_redirects"),
    *("track_timestamps_staleness", "relabel_configs", "metric_relabel_configs"),
    *("static_configs", "sample_limit", "label_limit"),
    *("label_name_length_limit", "label_value_length_limit"),
)
_READ = {
    *_SAME,
    *("job_name", "scrape_interval", "scrape_timeout", "metrics_path"),
    *("basic_auth", "authorization", "bearer_token", "tls_config"),
    *("file_sd_configs", "http_sd_configs", "body_size_limit"),
}


class UnreadableConfigError(ValueError):
    """The text is no prometheus.yml; the message says why."""


@dataclass(slots=True)
class SourceDraft:
    """One scrape_config; `left_out` says what of it has no like here."""

    name: str
    config: dict[str, Any] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)


def sources_of(text: str) -> list[SourceDraft]:
    """Raises UnreadableConfigError."""
    document = _loaded(text)
    general = document.get("global") or {}
    listed = document.get("scrape_configs") or []
    if not isinstance(general, dict) or not isinstance(listed, list):
        raise UnreadableConfigError("scrape_configs must be a list.")
    return [_draft(job, general) for job in listed]


def _loaded(text: str) -> Mapping[str, Any]:
    if len(text) > MAX_BYTES:
        raise UnreadableConfigError(f"The file has more than {MAX_BYTES} bytes.")
    try:
        document = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise UnreadableConfigError(f"This is no YAML: {error}") from None
    if not isinstance(document, dict):
        raise UnreadableConfigError("A prometheus.yml is an object.")
    return document


def _draft(job: Any, general: Mapping[str, Any]) -> SourceDraft:
    if not isinstance(job, dict) or not isinstance(job.get("job_name"), str):
        raise UnreadableConfigError("Each scrape_config has a job_name.")
    draft = SourceDraft(job["job_name"], {"job": job["job_name"]})
    config = draft.config
    config.update({key: job[key] for key in _SAME if key in job})
    interval = job.get("scrape_interval") or general.get("scrape_interval")
    timeout = job.get("scrape_timeout") or general.get("scrape_timeout")
    config["interval_seconds"] = _seconds(interval or _DEFAULT_INTERVAL)
    config["timeout_seconds"] = _seconds(timeout or _DEFAULT_TIMEOUT)
    if not timeout:  # Prometheus shortens its own default, too.
        config["timeout_seconds"] = min(
            config["timeout_seconds"], config["interval_seconds"]
        )
    if "metrics_path" in job:
        config["path"] = job["metrics_path"]
    if job.get("body_size_limit"):
        config["body_size_limit"] = _bytes(job["body_size_limit"])
    _take_credentials(job, draft)
    _take_tls(job.get("tls_config") or {}, draft)
    _take_discovery(job, draft)
    draft.left_out += sorted(job.keys() - _READ)
    return draft


def _take_credentials(job: Mapping[str, Any], draft: SourceDraft) -> None:
    """Secrets in files stay there: we do not read them for anyone."""
    basic = job.get("basic_auth") or {}
    if "username" in basic:
        draft.config["username"] = basic["username"]
    if "password" in basic:
        draft.config["password"] = basic["password"]
    bearer = job.get("authorization") or {}
    if str(bearer.get("type", "Bearer")).lower() == "bearer":
        token = bearer.get("credentials") or job.get("bearer_token")
        if token:
            draft.config["bearer_token"] = token
    elif "credentials" in bearer:
        value = f"{bearer['type']} {bearer['credentials']}"
        draft.config["headers"] = {"Authorization": value}
    files = ("username_file", "password_file")
    draft.left_out += [f"basic_auth.{key}" for key in files if key in basic]
    if "credentials_file" in bearer:
        draft.left_out.append("authorization.credentials_file")


def _take_tls(tls: Mapping[str, Any], draft: SourceDraft) -> None:
    if "insecure_skip_verify" in tls:
        draft.config["tls_verify"] = not tls["insecure_skip_verify"]
    if "server_name" in tls:
        draft.config["tls_server_name"] = tls["server_name"]
    if "ca" in tls:
        draft.config["tls_ca"] = tls["ca"]
    known = {"insecure_skip_verify", "server_name", "ca"}
    draft.left_out += sorted(f"tls_config.{key}" for key in tls.keys() - known)


def _take_discovery(job: Mapping[str, Any], draft: SourceDraft) -> None:
    files = [
        f for sd in job.get("file_sd_configs") or [] for f in sd.get("files") or []
    ]
    if files:
        draft.config["file_sd"] = files
    urls = [sd["url"] for sd in job.get("http_sd_configs") or [] if sd.get("url")]
    if urls:
        draft.config["http_sd"] = urls


def _seconds(text: Any) -> float:
    found = milliseconds_of(str(text))
    if found is None:
        raise UnreadableConfigError(f"{text!r} is no duration.")
    return found // 1000 if found % 1000 == 0 else found / 1000


def _bytes(text: Any) -> int:
    """Return the bytes of 10MB; Prometheus counts by 1024."""
    plain = str(text).strip().lower()
    digits = plain.rstrip("abcdefghijklmnopqrstuvwxyz")
    unit = _UNITS.get(plain[len(digits) :])
    if unit is None or not digits.isdecimal():
        raise UnreadableConfigError(f"{text!r} is no size.")
    return int(digits) * unit
