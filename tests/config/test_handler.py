from __future__ import annotations

import asyncio
import threading

import pytest
from asgiref.testing import ApplicationCommunicator
from django.core.signals import request_finished, request_started
from django.http import HttpResponse, StreamingHttpResponse
from django.urls import path

from config.handler import SynchronousHandler

pytestmark = pytest.mark.integration

met = threading.Barrier(2)
began = threading.Event()
closed = threading.Event()


def thread_of(request):
    return HttpResponse(str(threading.get_ident()))


def meet(request):
    began.set()
    met.wait(10)
    return thread_of(request)


def echo(request):
    return HttpResponse(request.body)


def broken(request):
    raise ValueError


def numbers(request):
    async def pieces():
        try:
            yield b"1"
            await asyncio.sleep(60)
        finally:
            closed.set()

    return StreamingHttpResponse(pieces())


urlpatterns = [
    path(view.__name__, view) for view in (thread_of, meet, echo, broken, numbers)
]


@pytest.fixture
def handler(settings):
    settings.ROOT_URLCONF = __name__
    settings.MIDDLEWARE = []
    return SynchronousHandler()


@pytest.fixture
def heard():
    """Which signals were sent, and in which thread."""
    calls = []

    def note(sender, signal, **_):
        calls.append((signal, str(threading.get_ident())))

    for signal in (request_started, request_finished):
        signal.connect(note, weak=False)
    yield calls
    for signal in (request_started, request_finished):
        signal.disconnect(note)


def opened(handler, name):
    scope = {"type": "http", "method": "POST", "path": f"/{name}", "headers": []}
    return ApplicationCommunicator(handler, scope)


async def answer(handler, name, body=b""):
    client = opened(handler, name)
    await client.send_input({"type": "http.request", "body": body})
    start = await client.receive_output()
    content = (await client.receive_output())["body"]
    await client.wait()
    return start["status"], content.decode()


async def test_a_request_is_answered(handler):
    assert await answer(handler, "echo", b"abc") == (200, "abc")


async def test_a_thread_serves_one_request_after_the_other(handler):
    assert await answer(handler, "thread_of") == await answer(handler, "thread_of")


async def test_requests_of_one_time_are_served_by_threads_of_their_own(handler):
    one, other = await asyncio.gather(answer(handler, "meet"), answer(handler, "meet"))

    assert one != other


async def test_a_request_begins_and_ends_in_its_view_s_thread(handler, heard):
    _, thread = await answer(handler, "thread_of")

    assert heard == [(request_started, thread), (request_finished, thread)]


async def test_a_view_that_fails_ends_its_request_too(handler, heard, settings):
    settings.DEBUG_PROPAGATE_EXCEPTIONS = False
    status, _ = await answer(handler, "broken")

    assert status == 500
    assert [signal for signal, _ in heard] == [request_started, request_finished]


async def test_a_stream_ends_when_nobody_listens_any_more(handler, heard):
    closed.clear()
    client = opened(handler, "numbers")
    await client.send_input({"type": "http.request"})
    await client.receive_output()
    assert (await client.receive_output())["body"] == b"1"

    await client.send_input({"type": "http.disconnect"})
    await client.wait()

    assert closed.is_set()
    assert [signal for signal, _ in heard] == [request_started, request_finished]


async def test_who_leaves_before_the_body_is_there_is_not_served(handler, heard):
    client = opened(handler, "echo")
    await client.send_input({"type": "http.disconnect"})
    await client.wait()

    assert heard == []


async def test_a_thread_that_is_still_at_work_is_not_used_again(handler):
    began.clear()
    client = opened(handler, "meet")
    await client.send_input({"type": "http.request"})
    await asyncio.to_thread(began.wait, 10)
    client.stop()

    await answer(handler, "thread_of")

    assert not met.broken
    met.wait(10)
