"""PostgreSQL at full speed, on Django's own connection and in its transaction.

Django's cursors send and receive text. Payloads travel in binary, by psycopg's own
cursors on the same connection, so that they commit and roll back with the rest.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from itertools import count
from typing import Any

import psycopg
from django.db import connection, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

Row = tuple[Any, ...]

_numbers = count()


def _raw() -> psycopg.Connection[Row]:
    connection.ensure_connection()
    raw: psycopg.Connection[Row] = connection.connection
    return raw


def fetch(query: str, parameters: Sequence[Any] | Mapping[str, Any]) -> list[Row]:
    """Run one statement, hence one snapshot, and return all rows."""
    with connection.wrap_database_errors, psycopg.Cursor(_raw()) as cursor:
        cursor.execute(query, parameters, binary=True)
        return cursor.fetchall()


def execute(query: str, parameters: Sequence[Any] | Mapping[str, Any]) -> int:
    """Run one statement and return the number of rows it touched."""
    with connection.wrap_database_errors, psycopg.Cursor(_raw()) as cursor:
        cursor.execute(query, parameters)
        return cursor.rowcount


def copy_in(table: str, columns: dict[str, str], rows: Sequence[Row]) -> None:
    """Insert rows in bulk; `columns` gives each name its PostgreSQL type."""
    names = ", ".join(columns)
    statement = f"COPY {table} ({names}) FROM STDIN (FORMAT BINARY)"
    with (
        connection.wrap_database_errors,
        psycopg.Cursor(_raw()) as cursor,
        cursor.copy(statement) as copy,
    ):
        copy.set_types(list(columns.values()))
        for row in rows:
            copy.write_row(row)


@contextmanager
def stream(
    query: str, parameters: Sequence[Any] | Mapping[str, Any]
) -> Iterator[psycopg.ServerCursor[Row]]:
    """Give a cursor over one snapshot whose rows are fetched, and made, as needed.

    A generator that uses it must be closed by its reader: it holds a transaction.
    """
    with (
        transaction.atomic(),
        connection.wrap_database_errors,
        psycopg.ServerCursor(_raw(), f"stream_{next(_numbers)}") as cursor,
    ):
        cursor.execute(query, parameters, binary=True)
        yield cursor


@contextmanager
def snapshot(*, wanted: bool = True) -> Iterator[None]:
    """Let all statements inside see the database as it was at the first of them.

    Inside a transaction that has begun already they see what is committed meanwhile.
    """
    if not wanted or connection.in_atomic_block:
        yield
        return
    with transaction.atomic():
        execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ", ())
        yield


@contextmanager
def separate() -> Iterator[BaseDatabaseWrapper]:
    """Give a second connection, which commits on its own and waits for no lock long."""
    other = connection.copy()
    with closing(other):
        with other.cursor() as cursor:
            cursor.execute("SET lock_timeout = '10s'")
        yield other
