"""What a tail does not read, and what it says of it."""

from __future__ import annotations

import os
import resource
from pathlib import Path

import pytest

from sources.connectors.file_tail.roots import open_file

pytestmark = [pytest.mark.integration, pytest.mark.django_db]

NOBODY = 65534


@pytest.fixture
def ordinary_user(tmp_path):
    """Root may read everything: take its rights away for the test."""
    if os.geteuid() != 0:
        yield
        return
    # pytest's own directories above it, which it keeps to itself.
    above = [p for p in tmp_path.parents if "pytest-" in str(p)]
    changed = [tmp_path, *above]
    modes = [path.stat().st_mode for path in changed]
    for path in changed:
        path.chmod(0o755)
    os.chown(tmp_path, NOBODY, -1)
    os.seteuid(NOBODY)
    yield
    os.seteuid(0)
    for path, mode in zip(changed, modes, strict=True):
        path.chmod(mode)


def test_a_link_out_of_the_roots_is_refused(tailing, tmp_path_factory):
    secret = tmp_path_factory.mktemp("elsewhere") / "secret.txt"
    secret.write_text("secret\n")
    tail = tailing()
    (tail.directory / "app.log").symlink_to(secret)

    lines = tail.collect()

    assert lines == []
    assert tail.connector.problem == (
        f"{tail.directory}/app.log (it leads to {secret}) is outside the allowed "
        f"directories: add its directory to FILE_SOURCE_ROOTS, which is {tail.directory}."
    )


def test_a_link_of_a_directory_out_of_the_roots_is_refused(tailing, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (elsewhere / "app.log").write_text("secret\n")
    tail = tailing("sub/*.log")
    (tail.directory / "sub").symlink_to(elsewhere)

    assert tail.collect() == []


def test_a_path_outside_the_roots_is_refused(tailing, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (elsewhere / "app.log").write_text("secret\n")
    tail = tailing(f"../{elsewhere.name}/*.log")

    assert tail.collect() == []
    assert "outside the allowed directories" in tail.connector.problem


def test_the_platforms_own_logs_are_read_only_by_the_built_in_source(
    tailing, settings, tmp_path_factory
):
    var = settings.VAR_DIR = tmp_path_factory.mktemp("var")
    (var / "log").mkdir()
    (var / "log" / "web.log").write_text("started\n")
    pattern = os.path.relpath(var / "log" / "*.log", settings.FILE_SOURCE_ROOTS[0])

    ordinary = tailing(pattern).collect()
    built_in = tailing(pattern, builtin="platform-logs").collect()

    assert (ordinary, built_in) == ([], ["started"])


def test_a_pipe_is_refused_without_blocking(tailing):
    tail = tailing()
    os.mkfifo(tail.directory / "app.log")

    assert tail.collect() == []
    assert tail.connector.problem == (
        f"{tail.directory}/app.log is not a regular file: it is not read."
    )


def test_a_binary_file_is_not_read_at_all(tailing):
    tail = tailing()
    path = tail.write("app.log", b"text\n\x00\x01\n")

    assert tail.collect() == []
    assert tail.connector.problem == (
        f"{path} is not read: it is a binary file, not text."
    )


def test_a_file_beside_a_binary_one_is_read(tailing):
    tail = tailing()
    tail.write("a.log", b"\x00")
    tail.write("b.log", "text\n")

    assert tail.collect() == ["text"]


def test_a_problem_passes_with_its_cause(tailing):
    tail = tailing()
    path = tail.write("app.log", b"\x00")
    tail.collect()

    path.unlink()
    tail.collect()

    assert tail.connector.problem == ""


def test_bytes_that_are_no_text_are_replaced(tailing):
    tail = tailing()
    tail.write("app.log", b"caf\xe9\n")

    assert tail.collect() == ["caf\ufffd"]
    assert tail.connector.counts["replaced_bytes"] == 1


def test_an_encoding_is_obeyed(tailing):
    tail = tailing(encoding="latin-1")
    tail.write("app.log", b"caf\xe9\n")

    assert tail.collect() == ["café"]


@pytest.mark.parametrize(
    ("encoding", "problem"),
    [
        ("klingon", "There is no encoding 'klingon'."),
        (
            "utf-16",
            "'utf-16' is not supported: use an encoding that contains ASCII.",
        ),
        ("rot13", "There is no encoding 'rot13'."),
    ],
)
def test_an_impossible_encoding_is_said(tailing, encoding, problem):
    tail = tailing(encoding=encoding)
    tail.write("app.log", "one\n")

    assert (tail.collect(), tail.connector.problem) == ([], problem)


def test_carriage_returns_and_the_byte_order_mark_are_no_content(tailing):
    tail = tailing()
    tail.write("app.log", b"\xef\xbb\xbfone\r\n\r\ntwo\r\n")

    assert tail.collect() == ["one", "", "two"]


def test_a_line_that_is_too_long_is_cut_and_says_so(tailing, settings):
    settings.INGEST_MAX_LINE_BYTES = 10
    tail = tailing()
    tail.write("app.log", "short\n" + "x" * 30 + "\nnext\n")

    lines = tail.collect()

    [batch] = tail.batches()
    assert lines == ["short", "x" * 10 + "…", "next"]
    assert batch.table.column("field.original_bytes").to_pylist() == [None, "30", None]


def test_a_line_longer_than_a_read_is_cut_too(tailing, settings, monkeypatch):
    monkeypatch.setattr("sources.connectors.file_tail.reading.HARVEST_BYTES", 2**16)
    settings.INGEST_MAX_LINE_BYTES = 10
    tail = tailing()
    tail.write("app.log", "x" * 3_000_000)
    held = tail.collect()

    tail.write("app.log", "x\nnext\n")

    assert (held, tail.collect()) == ([], ["x" * 10 + "…", "next"])


def test_a_file_name_of_any_bytes_is_read(tailing):
    tail = tailing()
    path = os.fsencode(tail.directory) + b"/caf\xe9.log"
    with open(path, "wb") as file:  # noqa: PTH123 - pathlib knows no byte paths
        file.write(b"one\n")

    assert tail.collect() == ["one"]


def test_a_forbidden_file_is_said_until_it_is_allowed(ordinary_user, tailing):
    tail = tailing()
    path = tail.write("app.log", "one\n")
    path.chmod(0)

    tail.collect()
    problem = tail.connector.problem
    path.chmod(0o600)
    lines = tail.collect()

    assert problem == (
        f"Cannot read {path}: permission denied. Let user {os.geteuid()} read it, "
        "for example through a group that may."
    )
    assert (lines, tail.connector.problem) == (["one"], "")


def test_a_forbidden_directory_is_said(ordinary_user, tailing):
    tail = tailing("sub/*.log")
    directory = tail.directory / "sub"
    directory.mkdir(mode=0)

    tail.collect()

    assert tail.connector.problem == (
        f"Cannot list {directory}: permission denied. "
        f"Let user {os.geteuid()} read and enter the directory."
    )


def test_too_many_open_files_are_said(tailing):
    tail = tailing()
    for number in range(30):
        tail.write(f"{number}.log", "one\n")
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    used = len(list(Path("/proc/self/fd").iterdir()))

    resource.setrlimit(resource.RLIMIT_NOFILE, (used + 5, limits[1]))
    try:
        tail.collect()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    problem = tail.connector.problem
    tail.collect()

    assert "Too many open files" in problem
    assert (len(tail.stored()), tail.connector.problem) == (30, "")


def test_a_directory_exchanged_for_a_link_is_noticed_after_opening(
    tmp_path, tmp_path_factory
):
    file = tmp_path / "app.log"
    file.write_text("one\n")

    opened = open_file(str(file), (str(tmp_path),))
    os.close(opened.fd)

    assert opened.size == 4
