"""What endpoints that other products have described share: how they refuse.

Our own API has one shape of errors (`accounts.api.errors`); each of these has another.
"""

from __future__ import annotations

import logging
from abc import abstractmethod
from http import HTTPStatus
from typing import Any, ClassVar

from django.core.exceptions import PermissionDenied, SuspiciousOperation
from django.http import Http404, HttpResponseBase
from rest_framework import exceptions
from rest_framework.request import Request
from typing_extensions import override

from accounts.api.errors import as_outage
from accounts.api.viewsets import ScopedAPI

logger = logging.getLogger(__name__)

_STATUSES: tuple[tuple[type[Exception], HTTPStatus], ...] = (
    (PermissionDenied, HTTPStatus.FORBIDDEN),
    (Http404, HTTPStatus.NOT_FOUND),
    (SuspiciousOperation, HTTPStatus.BAD_REQUEST),
)


class ForeignAPI(ScopedAPI):
    """An endpoint that speaks as another product does, also when it refuses."""

    # Its product has described it: our own document leaves it out.
    schema = None
    # What the server's log calls it.
    product: ClassVar[str]

    @abstractmethod
    def refusal(self, status: HTTPStatus, text: str) -> HttpResponseBase:
        """Return a complaint in the product's shape."""

    def own_refusal(self, error: Exception) -> HttpResponseBase | None:
        """Return the answer to an error that only this product knows."""
        return None

    def words_of(self, error: Exception) -> str:
        detail = getattr(error, "detail", None) or str(error)
        return " ".join(map(str, detail)) if isinstance(detail, list) else str(detail)

    @override
    def perform_content_negotiation(
        self, request: Request, force: bool = False
    ) -> tuple[Any, str]:
        """Answer in the product's one format, whatever is said to be accepted."""
        renderer = self.get_renderers()[0]
        return renderer, renderer.media_type

    @override
    def handle_exception(self, exc: Exception) -> HttpResponseBase:  # type: ignore[override]
        own = self.own_refusal(exc)
        if own is not None:
            return own
        error = as_outage(exc) or exc
        status = _status_of(error)
        if status is None:
            logger.error("%s failed: %s", self.product, self.request.path, exc_info=exc)
            problem = "internal error: see the server's log"
            return self.refusal(HTTPStatus.INTERNAL_SERVER_ERROR, problem)
        return self._with_headers(self.refusal(status, self.words_of(error)), error)

    def _with_headers(
        self, response: HttpResponseBase, error: Exception
    ) -> HttpResponseBase:
        if response.status_code == HTTPStatus.UNAUTHORIZED:
            response["WWW-Authenticate"] = self.get_authenticate_header(self.request)
        wait = getattr(error, "wait", None)
        if wait is not None:
            response["Retry-After"] = str(wait)
        return response


def _status_of(error: Exception) -> HTTPStatus | None:
    if isinstance(error, exceptions.APIException):
        return HTTPStatus(error.status_code)
    found = (status for type_, status in _STATUSES if isinstance(error, type_))
    return next(found, None)
