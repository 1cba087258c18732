"""What a TLS connection says of the certificate that was shown on it."""

from __future__ import annotations

import ssl
import time
from datetime import datetime

from cryptography import x509

from sources.connectors.probe.findings import Findings

_DAY = 86_400


def tell(findings: Findings, connection: ssl.SSLObject | None) -> float | None:
    """Note the certificate and the version; return how many days are left."""
    if connection is None:
        return None
    findings.set("probe_tls_version_info", 1, version=connection.version() or "")
    shown = connection.getpeercert(binary_form=True)
    return None if shown is None else tell_expiry(findings, ends_at(shown))


def tell_expiry(findings: Findings, end: datetime) -> float:
    days = (end.timestamp() - time.time()) / _DAY
    findings.set("probe_ssl_earliest_cert_expiry", end.timestamp())
    findings.set("probe_ssl_days_left", days)
    return days


def ends_at(der: bytes) -> datetime:
    return x509.load_der_x509_certificate(der).not_valid_after_utc


def reason_of(error: ssl.SSLError) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the certificate is not good: {error.verify_message}"
    return f"TLS failed: {error.reason or error}"
