from __future__ import annotations

import io

import pytest
from django.core.management import CommandError, call_command

from sources.models import Source
from sources.services.prometheus_import import UnreadableConfigError, sources_of

pytestmark = [pytest.mark.integration, pytest.mark.django_db]

CONFIG = """
global: {scrape_interval: 30s, external_labels: {zone: a}}
rule_files: ["*.rules"]
scrape_configs:
  - job_name: node
    static_configs:
      - targets: ["web-1:9100", "web-2:9100"]
        labels: {env: prod}
  - job_name: shop
    scrape_interval: 1m30s
    scrape_timeout: 500ms
    metrics_path: /m
    scheme: https
    params: {module: [x]}
    basic_auth: {username: u, password_file: /etc/p}
    tls_config: {insecure_skip_verify: true, cert_file: /etc/c}
    http_sd_configs: [{url: "https://sd.example/targets"}]
    kubernetes_sd_configs: [{role: pod}]
    body_size_limit: 10MB
    relabel_configs:
      - {source_labels: [__meta_x], target_label: x}
"""


def test_a_scrape_config_becomes_a_sources_settings():
    node, shop = sources_of(CONFIG)

    assert (node.name, node.left_out) == ("node", [])
    assert node.config == {
        "job": "node",
        "interval_seconds": 30,
        "timeout_seconds": 10,
        "static_configs": [
            {"targets": ["web-1:9100", "web-2:9100"], "labels": {"env": "prod"}}
        ],
    }
    assert shop.config == {
        "job": "shop",
        "interval_seconds": 90,
        "timeout_seconds": 0.5,
        "path": "/m",
        "scheme": "https",
        "params": {"module": ["x"]},
        "username": "u",
        "tls_verify": False,
        "http_sd": ["https://sd.example/targets"],
        "body_size_limit": 10 * 2**20,
        "relabel_configs": [{"source_labels": ["__meta_x"], "target_label": "x"}],
    }
    assert shop.left_out == [
        "basic_auth.password_file",
        "tls_config.cert_file",
        "kubernetes_sd_configs",
    ]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a: [", "This is no YAML"),
        ("[]", "A prometheus.yml is an object."),
        ("scrape_configs: {}", ""),
        ("scrape_configs: 7", "scrape_configs must be a list."),
        ("scrape_configs: [{}]", "Each scrape_config has a job_name."),
        ("scrape_configs: [{job_name: a, scrape_interval: soon}]", "'soon' is no duration."),
        ("scrape_configs: [{job_name: a, body_size_limit: much}]", "'much' is no size."),
    ],
)  # fmt: skip
def test_what_is_no_prometheus_yml_is_refused(text, problem):
    if not problem:
        assert sources_of(text) == []
        return
    with pytest.raises(UnreadableConfigError) as refused:
        sources_of(text)
    assert problem in str(refused.value)


@pytest.fixture
def run(cast, tmp_path):
    """Return a function that runs the command and returns what it wrote."""
    path = tmp_path / "prometheus.yml"
    path.write_text(CONFIG)
    owners = ("--organization", cast.acme.slug, "--team", cast.payments.slug)

    def go(*options: str) -> str:
        out = io.StringIO()
        call_command(
            *("import_scrape_configs", str(path), *owners, *options),
            stdout=out,
            stderr=io.StringIO(),
        )
        return out.getvalue()

    return go


def test_the_command_makes_a_source_of_each(run, cast):
    assert run() == "created: node\ncreated: shop\n"

    found = Source.unscoped.order_by("name")
    assert [(s.name, s.kind, s.team) for s in found] == [
        ("node", "scrape", cast.payments),
        ("shop", "scrape", cast.payments),
    ]


def test_importing_again_changes_nothing(run):
    run()

    assert run() == "unchanged: node\nunchanged: shop\n"


def test_a_dry_run_writes_nothing(run):
    assert "Nothing is written" in run("--dry-run")
    assert not Source.unscoped.exists()


def test_an_unknown_organization_is_told(tmp_path):
    (tmp_path / "p.yml").write_text("{}")

    with pytest.raises(CommandError, match="no organization “nobody”"):
        call_command(
            *("import_scrape_configs", str(tmp_path / "p.yml")),
            *("--organization", "nobody"),
        )
