from __future__ import annotations

import pytest
from django.core.exceptions import PermissionDenied, SuspiciousOperation
from django.db import OperationalError
from django.http import Http404, HttpResponse
from rest_framework import exceptions
from rest_framework.test import APIRequestFactory
from typing_extensions import override

from accounts.api.authentication import TokenAuthentication
from accounts.api.foreign import ForeignAPI
from accounts.services.availability import UnavailableError

pytestmark = pytest.mark.unit


class PlainAPI(ForeignAPI):
    product = "Plain API"
    authentication_classes = [TokenAuthentication]

    @override
    def refusal(self, status, text):
        return HttpResponse(text, status=status)

    @override
    def own_refusal(self, error):
        return HttpResponse("ours", status=418) if error.args == ("ours",) else None


def refused(error):
    view = PlainAPI()
    view.request = view.initialize_request(APIRequestFactory().get("/plain"))
    return view.handle_exception(error)


@pytest.mark.parametrize(
    ("error", "status", "text"),
    [
        (exceptions.PermissionDenied("no role"), 403, "no role"),
        (PermissionDenied("no part"), 403, "no part"),
        (Http404("no such thing"), 404, "no such thing"),
        (exceptions.ValidationError(["one", "two"]), 400, "one two"),
        (SuspiciousOperation("too many fields"), 400, "too many fields"),
        (exceptions.MethodNotAllowed("PUT"), 405, 'Method "PUT" not allowed.'),
        (ValueError("ours"), 418, "ours"),
    ],
)
def test_whoever_refuses_it_is_the_products_shape(error, status, text):
    response = refused(error)

    assert (response.status_code, response.content.decode()) == (status, text)


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (UnavailableError("The archive is away."), "The archive is away."),
        (
            OperationalError("host=db"),
            "The database is away for the moment: ask again.",
        ),
    ],
)
def test_what_is_away_for_the_moment_may_be_asked_again(error, text):
    response = refused(error)

    assert (response.status_code, response["Retry-After"]) == (503, "2")
    assert response.content.decode() == text


def test_who_has_not_said_who_asks_is_told_how():
    response = refused(exceptions.NotAuthenticated())

    assert (response.status_code, response["WWW-Authenticate"]) == (401, "Bearer")


def test_a_failure_of_ours_is_in_the_servers_log_only(caplog):
    response = refused(KeyError("secret"))

    assert response.status_code == 500
    assert response.content.decode() == "internal error: see the server's log"
    assert "Plain API failed: /plain" in caplog.text
