from __future__ import annotations

import io
import os

import pytest

from config.services.logbook import (
    LONGEST_LINE,
    Console,
    Follower,
    LineReader,
    LogFiles,
)

pytestmark = pytest.mark.unit


@pytest.fixture
def pipe():
    read, write = os.pipe()
    os.set_blocking(read, False)
    yield read, write
    os.close(read)


def test_the_console_aligns_what_processes_say():
    stream = io.StringIO()
    console = Console(stream, ("web", "collector"))

    console.write("web", "hello")
    console.write("collector", "bonjour")

    assert stream.getvalue() == "web       | hello\ncollector | bonjour\n"


def test_colours_are_for_people_only():
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    stream = Terminal()

    Console(stream, ("web",)).write("web", "hello")

    assert stream.getvalue() == "\x1b[36mweb |\x1b[0m hello\n"


def test_a_closed_terminal_is_not_an_error():
    class Gone(io.StringIO):
        def write(self, text):
            raise BrokenPipeError

    console = Console(Gone(), ("web",))

    console.write("web", "hello")
    console.write("web", "hello")


def test_a_line_is_read_when_it_is_whole(pipe):
    read, write = pipe
    reader = LineReader(read)
    lines = []

    for chunk in (b"one\ntw", b"o\r\nthr", b""):
        if chunk:
            os.write(write, chunk)
        else:
            os.close(write)
        lines.append(list(reader.read()))

    assert lines == [["one"], ["two"], ["thr"]]
    assert reader.ended


def test_nothing_to_read_is_no_line(pipe):
    read, write = pipe

    assert list(LineReader(read).read()) == []
    os.close(write)


def test_an_endless_line_is_cut(pipe):
    read, write = pipe
    os.write(write, b"x" * (LONGEST_LINE + 10))

    lines = list(LineReader(read).read())

    assert lines == ["x" * LONGEST_LINE]
    os.close(write)


def test_a_file_of_lines_is_bounded(tmp_path, monkeypatch):
    monkeypatch.setattr("config.services.logbook.FILE_BYTES", 1000)
    files = LogFiles(tmp_path)

    for number in range(1000):
        files.write("web", f"line {number}")
    files.close()

    assert len(list(tmp_path.iterdir())) == 4
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) <= 4000


def test_a_follower_reads_only_what_is_new(tmp_path):
    path = tmp_path / "postgres.log"
    path.write_text("old\n")
    follower = Follower(path)

    with path.open("a") as file:
        file.write("new\nhal")

    assert list(follower.read()) == ["new"]
    follower.close()


def test_a_follower_goes_on_after_a_rotation(tmp_path):
    path = tmp_path / "postgres.log"
    path.write_text("")
    follower = Follower(path)
    path.rename(tmp_path / "postgres.log.1")
    path.write_text("after\n")

    list(follower.read())

    assert list(follower.read()) == ["after"]
    follower.close()


def test_a_follower_waits_for_its_file(tmp_path):
    path = tmp_path / "postgres.log"
    follower = Follower(path)
    assert list(follower.read()) == []

    path.write_text("first\n")

    assert list(follower.read()) == ["first"]
    follower.close()
