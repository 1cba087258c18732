"""Targets that expose metrics, scraped as Prometheus does."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlsplit

from accounts.services.egress import InvalidUrlError, check_url
from sources.connectors.scrape.discovery import path_problem
from sources.connectors.scrape.relabelling import InvalidRelabellingError, parse_rules
from sources.connectors.scrape.settings import InvalidGroupsError, parse_groups
from sources.services.kinds import scrape_probing
from sources.services.kinds.base import (
    Config,
    Errors,
    Group,
    Kind,
    Setting,
    SettingType,
)
from sources.services.kinds.common import (
    BEARER,
    FOLLOW_REDIRECTS,
    HEADERS,
    HOST,
    TLS_CA,
    USER,
    few_of,
    login_problems,
    tls_server_name,
    tls_verify,
)


def _where(name: str, config: Config) -> str:
    listed = [*config.get("targets", []), *_static(config)]
    places = few_of(listed, *config.get("file_sd", []), *config.get("http_sd", []))
    return f"{places}, every {config.get('interval_seconds', 15):g} s"


def _static(config: Config) -> list[str]:
    groups = config.get("static_configs", [])
    return [target for group in groups for target in group.get("targets") or []]


# --- Checks ----------------------------------------------------------------------------


def _rules(key: str) -> Callable[[Config], list[str]]:
    def check(config: Config) -> list[str]:
        try:
            parse_rules(config[key])
        except InvalidRelabellingError as error:
            return [str(error)]
        return []

    return check


def _groups(config: Config) -> list[str]:
    try:
        parse_groups(config["static_configs"])
    except InvalidGroupsError as error:
        return [str(error)]
    return []


def _targets(config: Config) -> list[str]:
    wrong = [t for t in config["targets"] if not t or "/" in t or " " in t]
    return [f"{t!r}: write host:port, without a scheme or a path." for t in wrong[:3]]


def _files(config: Config) -> list[str]:
    return [told for path in config["file_sd"] if (told := path_problem(path))]


def _urls(config: Config) -> list[str]:
    problems = []
    for url in config["http_sd"]:
        try:
            check_url(url)
        except InvalidUrlError as error:
            problems.append(f"{url}: {error}")
    return problems


def _path(config: Config) -> list[str]:
    good = config["path"].startswith("/") and urlsplit(config["path"]).fragment == ""
    return [] if good else ["Begin the path with a slash."]


def _together(config: Config) -> Errors:
    """Return what is wrong with settings that are right one by one."""
    errors = login_problems(config)
    if config.get("timeout_seconds", 10) > config.get("interval_seconds", 15):
        errors["timeout_seconds"] = ["The timeout may not be longer than the interval."]
    lists = ("targets", "static_configs", "file_sd", "http_sd")
    if not any(config.get(key) for key in lists):
        errors["targets"] = [
            "Give targets, such as web-1:9100, or say where they are listed."
        ]
    return errors


# --- Settings --------------------------------------------------------------------------

_WHERE = (
    Setting(
        "targets",
        SettingType.LINES,
        "Targets",
        "One a line, as host:port.",
        bounds=(0, 1000),
        check=_targets,
    ),
    Setting(
        "interval_seconds",
        SettingType.SECONDS,
        "Seconds between two scrapes",
        default=15,
        bounds=(1, 86_400),
    ),
    Setting(
        "scheme",
        SettingType.CHOICE,
        "Scheme",
        choices=(("http", "http"), ("https", "https")),
        default="http",
    ),
    Setting("path", SettingType.TEXT, "Path", default="/metrics", check=_path),
    Setting(
        "static_configs",
        SettingType.YAML,
        "Targets with labels",
        "Groups of targets and labels, as in prometheus.yml.",
        check=_groups,
        advanced=True,
    ),
    Setting(
        "file_sd",
        SettingType.LINES,
        "Files that list targets",
        "JSON or YAML, below FILE_SOURCE_ROOTS; * in the last part. They are watched.",
        bounds=(0, 50),
        check=_files,
        advanced=True,
    ),
    Setting(
        "http_sd",
        SettingType.LINES,
        "URLs that list targets",
        "They answer as Prometheus's http_sd_config asks.",
        bounds=(0, 20),
        check=_urls,
        advanced=True,
    ),
    Setting(
        "http_sd_refresh_seconds",
        SettingType.SECONDS,
        "Seconds until URLs are asked again",
        default=60,
        bounds=(5, 86_400),
        advanced=True,
    ),
    Setting(
        "job",
        SettingType.TEXT,
        "Job",
        "The label job of all series; empty: the source's name.",
        bounds=(0, 200),
        advanced=True,
    ),
    Setting(
        "timeout_seconds",
        SettingType.SECONDS,
        "Seconds that a target has to answer",
        default=10,
        bounds=(0.1, 86_400),
        advanced=True,
    ),
    Setting(
        "params",
        SettingType.PARAMETERS,
        "Parameters of the URL",
        "One a line, as name=value.",
        bounds=(0, 50),
        advanced=True,
    ),
)
_WHO = (
    *USER,
    BEARER,
    HEADERS,
    tls_verify("Check the targets' certificates"),
    TLS_CA,
    tls_server_name(
        "Empty: the host that is asked.", "Name in the targets' certificates"
    ),
    FOLLOW_REDIRECTS,
)
_WHAT = (
    Setting(
        "relabel_configs",
        SettingType.YAML,
        "Relabelling of targets",
        "Rules as in prometheus.yml.",
        check=_rules("relabel_configs"),
        advanced=True,
    ),
    Setting(
        "metric_relabel_configs",
        SettingType.YAML,
        "Relabelling of samples",
        "Rules as in prometheus.yml.",
        check=_rules("metric_relabel_configs"),
        advanced=True,
    ),
    Setting(
        "honor_labels",
        SettingType.BOOLEAN,
        "Labels that the target exposes win over ours",
        default=False,
        advanced=True,
    ),
    Setting(
        "honor_timestamps",
        SettingType.BOOLEAN,
        "Take the times that the target exposes",
        default=True,
        advanced=True,
    ),
    Setting(
        "track_timestamps_staleness",
        SettingType.BOOLEAN,
        "End series that come with times when they disappear",
        default=False,
        advanced=True,
    ),
    *(
        Setting(
            key,
            SettingType.INTEGER,
            label,
            "0: no limit.",
            default=0,
            bounds=bounds,
            advanced=True,
        )
        for key, label, bounds in (
            ("sample_limit", "Most samples of a scrape", (0, 10_000_000)),
            ("label_limit", "Most labels of a sample", (0, 1000)),
            ("label_name_length_limit", "Longest name of a label", (0, 65_536)),
            ("label_value_length_limit", "Longest value of a label", (0, 65_536)),
            ("body_size_limit", "Most bytes of a scrape", (0, 64 * 2**20)),
        )
    ),
    HOST,
)

KIND = Kind(
    name="scrape",
    title="Prometheus targets",
    help="Scrapes what exposes metrics: exporters and instrumented applications.",
    icon="metrics",
    group=Group.FETCHED,
    connector="sources.connectors.scrape.Scrape",
    test=scrape_probing.probe,
    where=_where,
    settings=(*_WHERE, *_WHO, *_WHAT),
    check=_together,
    addresses=(
        "targets",
        "static_configs",
        "file_sd",
        "http_sd",
        "scheme",
        "path",
        "params",
        "relabel_configs",
        "follow_redirects",
        "tls_verify",
        "tls_ca",
        "tls_server_name",
    ),
)
