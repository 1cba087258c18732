from __future__ import annotations

import psycopg
import pytest
from django.db import InterfaceError, OperationalError

from accounts.api.errors import exception_handler

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    "error", [OperationalError, InterfaceError, psycopg.OperationalError]
)
def test_a_database_that_is_away_is_503_and_says_when_to_return(error):
    response = exception_handler(error("connection refused"), {})

    assert (response.status_code, response["Retry-After"]) == (503, "2")
    assert response.data == {
        "error": {
            "code": "database_unavailable",
            "detail": "The database is away for the moment: ask again.",
        }
    }
