"""Every error of the API in one shape: `{"error": {"code", "detail", "fields"?}}`."""

from __future__ import annotations

import logging
from typing import Any

import psycopg
from django.core.exceptions import PermissionDenied
from django.db import InterfaceError, OperationalError
from django.http import Http404
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.views import exception_handler as drf_exception_handler

from accounts.services.availability import UnavailableError

logger = logging.getLogger(__name__)


class Conflict(exceptions.APIException):
    status_code = 409
    default_code = "conflict"


class DatabaseUnavailable(exceptions.APIException):
    status_code = 503
    default_code = "database_unavailable"
    default_detail = "The database is away for the moment: ask again."
    wait = 2  # seconds; DRF makes it the header Retry-After


class PartUnavailable(DatabaseUnavailable):
    default_code = "unavailable"


def error_body(
    code: str, detail: str, fields: dict[str, Any] | None = None
) -> dict[str, Any]:
    """Return the one error shape; `fields` says what to mend field by field."""
    error: dict[str, Any] = {"code": code, "detail": detail}
    if fields:
        error["fields"] = fields
    return {"error": error}


def exception_handler(exc: Exception, context: dict[str, Any]) -> Response | None:
    """Turn what DRF knows into the one shape; the rest is a 500 of Django's."""
    if isinstance(exc, Http404):
        exc = exceptions.NotFound()
    elif isinstance(exc, PermissionDenied):
        exc = exceptions.PermissionDenied()
    exc = as_outage(exc) or exc

    response = drf_exception_handler(exc, context)
    if response is None or not isinstance(exc, exceptions.APIException):
        return response

    if isinstance(exc, exceptions.ValidationError):
        response.data = _validation_body(exc.detail)
    else:
        response.data = error_body(_code(exc), str(exc.detail))
    return response


def as_outage(exc: Exception) -> exceptions.APIException | None:
    """Return the 503 for an error that goes away by itself, and log what it was."""
    if isinstance(exc, OperationalError | InterfaceError | psycopg.OperationalError):
        logger.warning("The database is away: %s", exc)
        return DatabaseUnavailable()
    if isinstance(exc, UnavailableError):
        logger.warning("Unavailable: %s", exc)
        return PartUnavailable(str(exc))
    return None


def _code(exc: exceptions.APIException) -> str:
    codes = exc.get_codes()
    return codes if isinstance(codes, str) else exc.default_code


def _validation_body(detail: Any) -> dict[str, Any]:
    if isinstance(detail, list):
        return error_body("invalid", " ".join(map(str, detail)))
    general = detail.get("non_field_errors", [])
    fields = {
        name: value for name, value in detail.items() if name != "non_field_errors"
    }
    sentence = " ".join(map(str, general)) or _first_sentence(fields)
    return error_body("invalid", sentence, fields)


def _first_sentence(fields: dict[str, Any]) -> str:
    name, messages = next(iter(fields.items()))
    while isinstance(messages, list | dict) and messages:
        if isinstance(messages, dict):
            inner, messages = next(iter(messages.items()))
            name = f"{name}.{inner}"
        else:
            messages = next((m for m in messages if m), "")
    return f"{name}: {messages}"
