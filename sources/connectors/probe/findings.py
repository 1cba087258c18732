"""What a probe finds: named as blackbox_exporter names it, so that its dashboards work."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from monitoring.telemetry import MetricMetadata, MetricType

_TEXTS: Mapping[str, tuple[str, str]] = {
    "probe_success": ("", "1 when all that was expected was found."),
    "probe_duration_seconds": ("seconds", "How long the probe took."),
    "probe_dns_lookup_time_seconds": ("seconds", "How long resolving the name took."),
    "probe_ip_protocol": ("", "4 or 6."),
    "probe_failed_due_to_regex": ("", "1 when the text was not as expected."),
    "probe_http_status_code": ("", "Status of the last answer; 0 without one."),
    "probe_http_duration_seconds": ("seconds", "Time by phase, over all redirects."),
    "probe_http_redirects": ("", "Redirects that were followed."),
    "probe_http_ssl": ("", "1 when the last answer came over TLS."),
    "probe_http_version": ("", "Version of HTTP of the last answer."),
    "probe_http_content_length": ("bytes", "Content-Length; -1 without one."),
    "probe_http_uncompressed_body_length": ("bytes", "Size of the body."),
    "probe_ssl_earliest_cert_expiry": ("seconds", "When the certificate ends."),
    "probe_ssl_days_left": ("", "Days until the certificate ends."),
    "probe_tls_version_info": ("", "The version of TLS, as a label."),
    "probe_dns_answer_rrs": ("", "Records in the answer."),
    "probe_dns_authority_rrs": ("", "Records of authorities."),
    "probe_dns_additional_rrs": ("", "Additional records."),
    "probe_dns_query_succeeded": ("", "1 when a server has answered."),
    "probe_dns_rcode": ("", "The answer's code; 0 is NOERROR."),
    "probe_dns_serial": ("", "Serial number of the zone, for SOA records."),
}
METRICS: Mapping[str, MetricMetadata] = {
    name: MetricMetadata(MetricType.GAUGE, unit, text)
    for name, (unit, text) in _TEXTS.items()
}


class ProbeFailedError(Exception):
    """The target is not as it should be; the text says how."""


@dataclass(slots=True)
class Findings:
    """Gathered while a probe goes on, so that a failed one tells how far it came."""

    samples: dict[tuple[str, tuple[tuple[str, str], ...]], float] = field(
        default_factory=dict
    )

    def set(self, name: str, value: float, **labels: str) -> None:
        self.samples[(name, tuple(labels.items()))] = float(value)

    def add(self, name: str, value: float, **labels: str) -> None:
        key = (name, tuple(labels.items()))
        self.samples[key] = self.samples.get(key, 0.0) + value
