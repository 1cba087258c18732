"""The certificate that a listener shows, and whose it asks for."""

from __future__ import annotations

import os
import ssl
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from django.conf import settings

MAX_PEM = 256 * 2**10


class CertificateError(Exception):
    """There is no speaking TLS with these settings; the text says why."""


def server_context(config: Mapping[str, Any]) -> ssl.SSLContext:
    """Return what the listener speaks TLS with. Raises CertificateError."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    certificate, key = pem(config, "tls_certificate"), pem(config, "tls_key")
    if not certificate:
        raise CertificateError("TLS needs a certificate: set tls_certificate_file.")
    _load(context, certificate, key)
    clients = pem(config, "tls_client_ca")
    if clients:
        _ask_clients(context, clients)
    return context


def pem(config: Mapping[str, Any], key: str) -> str:
    """Return what was pasted, or the content of the file. Raises CertificateError."""
    path = config.get(f"{key}_file")
    return _read(path) if path else str(config.get(key) or "")


def _load(context: ssl.SSLContext, certificate: str, key: str) -> None:
    """OpenSSL reads keys from files alone: it gets one that nobody else can read."""
    with tempfile.NamedTemporaryFile("w", suffix=".pem") as file:
        file.write(f"{key}\n{certificate}\n")
        file.flush()
        try:
            context.load_cert_chain(file.name, password=_no_password)
        except (ssl.SSLError, ValueError, OSError) as error:
            raise CertificateError(
                f"The certificate and its key cannot be used: {_reason(error)}."
            ) from None


def _no_password() -> str:
    """OpenSSL would ask at the terminal."""
    raise ValueError("the key has a password")


def _ask_clients(context: ssl.SSLContext, clients: str) -> None:
    context.verify_mode = ssl.CERT_REQUIRED
    try:
        context.load_verify_locations(cadata=clients)
    except (ssl.SSLError, ValueError) as error:
        raise CertificateError(
            f"The clients' CA cannot be used: {_reason(error)}."
        ) from None


def _reason(error: Exception) -> str:
    return getattr(error, "reason", None) or str(error).splitlines()[0]


def file_problem(path: str) -> str:
    """Return why no file of that name may be read; empty when it may."""
    if not path.startswith("/") or ".." in path.split("/"):
        return f"{path} must be an absolute path without “..”."
    roots = [os.path.realpath(root) for root in settings.FILE_SOURCE_ROOTS]
    real = os.path.realpath(path)
    if any(real.startswith(f"{root.rstrip('/')}/") for root in roots):
        return ""
    allowed = ", ".join(roots) or "none at all"
    return (
        f"{path} is outside the allowed directories: {allowed}."
        " The operator can add directories by FILE_SOURCE_ROOTS."
    )


def _read(path: str) -> str:
    problem = file_problem(path)
    if problem:
        raise CertificateError(problem)
    try:
        if not Path(path).is_file():
            raise CertificateError(f"{path} is no file.")
        with Path(path).open(encoding="ascii", errors="replace") as file:
            return file.read(MAX_PEM)
    except OSError as error:
        raise CertificateError(
            f"{path} cannot be read: {error.strerror or error}."
        ) from None
