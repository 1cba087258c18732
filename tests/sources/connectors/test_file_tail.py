"""What a tail does with files: every line once, in order."""

from __future__ import annotations

import gzip
import os
import shutil

import pytest

from monitoring.labels import make_labels
from sources.connectors import Outcome
from sources.models import Cursor
from sources.services.inbox import CursorConflictError

pytestmark = [pytest.mark.integration, pytest.mark.django_db]


def numbered(first: int, last: int) -> list[str]:
    return [
        f"line {n:06d} of a log that has lines of some length"
        for n in range(first, last)
    ]


def text(lines: list[str]) -> str:
    return "".join(f"{line}\n" for line in lines)


def test_takes_what_is_there_and_then_what_is_added(tailing):
    tail = tailing()
    tail.write("app.log", "one\ntwo\n")

    first = tail.collect()
    tail.write("app.log", "three\n")
    second = tail.collect()

    assert (first, second) == (["one", "two"], ["three"])


def test_a_batch_names_its_source_and_its_file(tailing):
    tail = tailing()
    path = tail.write("app.log", "one\n")

    tail.collect()

    [batch] = tail.batches()
    labels = {**dict(batch.streams[0])}
    del labels["host"]
    assert labels == {"env": "prod", "filename": str(path), "source": "app"}


def test_labels_are_canonical(tailing):
    tail = tailing()
    tail.write("app.log", "one\n")

    tail.collect()

    [batch] = tail.batches()
    assert batch.streams == tuple(make_labels(s) for s in batch.streams)


def test_a_line_waits_for_its_newline(tailing):
    tail = tailing()
    tail.write("app.log", "one\ntw")

    first = tail.collect()
    tail.write("app.log", "o\n")
    second = tail.collect()

    assert (first, second) == (["one"], ["two"])


def test_a_restart_goes_on_behind_the_last_stored_line(tailing):
    tail = tailing()
    tail.write("app.log", "one\ntwo\n")
    tail.collect()

    tail.restart()
    tail.write("app.log", "three\n")

    assert tail.collect() == ["three"]


def test_what_was_not_stored_is_read_again(tailing):
    tail = tailing()
    tail.write("app.log", "one\n")

    tail.connector.poll(tail.now)
    tail.connector.settle(Outcome.REFUSED, tail.now)

    assert tail.collect() == ["one"]


def test_another_collectors_advance_is_followed(tailing):
    tail = tailing()
    tail.write("app.log", "one\n")
    harvest = tail.connector.poll(tail.now)
    Cursor.objects.update(offset=4)

    with pytest.raises(CursorConflictError):
        tail.store(harvest)
    tail.connector.settle(Outcome.CONFLICT, tail.now)
    tail.write("app.log", "two\n")

    assert tail.collect() == ["two"]


def test_a_renamed_file_is_read_to_its_end_before_the_new_one(tailing):
    tail = tailing()
    path = tail.write("app.log", "one\n")
    tail.collect()

    tail.write("app.log", "two\n")
    path.rename(path.with_suffix(".log.1"))
    tail.write("app.log", "three\n")

    assert tail.collect() == ["two", "three"]


def test_a_file_renamed_within_the_pattern_is_not_read_twice(tailing):
    tail = tailing("app.log*")
    path = tail.write("app.log", "one\n")
    tail.collect()

    path.rename(path.with_suffix(".log.1"))
    tail.write("app.log", "two\n")

    assert tail.collect() == ["two"]


def test_a_file_renamed_while_nobody_looked_is_read_to_its_end(tailing):
    tail = tailing()
    path = tail.write("app.log", "one\n")
    tail.collect()
    tail.connector.close()

    tail.write("app.log", "two\n")
    path.rename(path.with_suffix(".log.1"))
    tail.write("app.log", "three\n")
    tail.restart()

    assert sorted(tail.collect()) == ["three", "two"]


def test_lines_keep_the_name_they_were_written_under(tailing):
    tail = tailing("app.log*")
    path = tail.write("app.log", "one\n")
    tail.collect()

    tail.write("app.log", "two\n")
    path.rename(path.with_suffix(".log.1"))
    tail.collect()

    assert {dict(s)["filename"] for b in tail.batches() for s in b.streams} == {
        str(path)
    }


def test_a_deleted_file_is_read_to_its_end(tailing):
    tail = tailing()
    path = tail.write("app.log", "one\n")
    tail.collect()

    tail.write("app.log", "two\n")
    path.unlink()

    assert tail.collect() == ["two"]


def test_a_new_file_with_a_deleted_ones_inode_is_another_file(tailing):
    tail = tailing()
    path = tail.write("app.log", "one\n")
    tail.collect()
    path.unlink()
    tail.collect()
    tail.pass_time(100)
    tail.collect()
    tail.collect()

    tail.restart()
    tail.write("app.log", "one\n")

    assert tail.collect() == ["one"]


def test_a_truncated_file_is_read_from_its_start(tailing):
    tail = tailing()
    path = tail.write("app.log", "one\ntwo\n")
    tail.collect()

    path.write_text("new\n")

    assert tail.collect() == ["new"]


def test_a_file_that_grew_past_its_truncation_is_read_from_its_start(tailing):
    tail = tailing()
    path = tail.write("app.log", "one\n")
    tail.collect()

    path.write_text("other\nlines\nand more\n")

    assert tail.collect() == ["other", "lines", "and more"]


def test_a_file_truncated_while_nobody_looked_is_read_from_its_start(tailing):
    tail = tailing()
    path = tail.write("app.log", text(numbered(0, 100)))
    tail.collect()
    tail.connector.close()

    path.write_text(text(numbered(100, 300)))
    tail.restart()

    assert tail.collect() == numbered(100, 300)


def test_a_writer_that_does_not_append_leaves_a_hole_that_is_no_content(tailing):
    tail = tailing()
    with (tail.directory / "app.log").open("w", buffering=1) as file:
        file.write(text(numbered(0, 500)))
        tail.collect()
        os.truncate(file.fileno(), 0)

        file.write(text(numbered(500, 600)))

    assert tail.collect() == numbered(500, 600)


def test_the_same_line_is_taken_again_after_a_truncation(tailing):
    tail = tailing()
    path = tail.write("app.log", "ERROR payment failed\n" * 3)
    tail.collect()

    path.write_text("")
    tail.collect()
    tail.write("app.log", "ERROR payment failed\n")

    assert tail.collect() == ["ERROR payment failed"]


def test_a_copy_before_a_truncation_brings_only_what_was_not_read(tailing):
    tail = tailing("app.log*")
    path = tail.write("app.log", text(numbered(0, 50)))
    tail.collect()

    tail.write("app.log", text(numbered(50, 60)))
    shutil.copy(path, path.with_suffix(".log.1"))
    path.write_text("")
    tail.write("app.log", text(numbered(60, 70)))
    lines = tail.collect() + tail.collect()

    assert sorted(lines) == numbered(50, 70)


def test_a_copy_beside_its_original_brings_nothing(tailing):
    tail = tailing("app.log*")
    path = tail.write("app.log", text(numbered(0, 50)))
    tail.collect()

    shutil.copy(path, path.with_suffix(".log.bak"))
    lines = [line for _ in range(4) for line in tail.collect()]
    tail.write("app.log", text(numbered(50, 60)))

    assert lines + tail.collect() == numbered(50, 60)


def test_equal_files_with_other_names_are_both_read(tailing):
    tail = tailing()
    tail.write("worker-1.log", "one\ntwo\n")
    tail.collect()

    tail.write("worker-2.log", "one\ntwo\n")

    assert tail.collect() == ["one", "two"]


def test_compressed_history_is_read_once(tailing):
    tail = tailing("app.log*")
    lines = numbered(0, 2000)
    tail.write("app.log.3.gz", gzip.compress(text(lines).encode()))

    first = tail.collect()
    tail.restart()

    assert (first, tail.collect()) == (lines, [])


def test_a_compressed_file_that_was_read_before_brings_nothing(tailing):
    tail = tailing("app.log*")
    path = tail.write("app.log", text(numbered(0, 50)))
    tail.collect()
    rotated = path.rename(path.with_suffix(".log.1"))
    tail.collect()

    tail.write("app.log.2.gz", gzip.compress(rotated.read_bytes()))
    rotated.unlink()

    assert [line for _ in range(20) for line in tail.collect()] == []


def test_a_compressed_file_is_resumed_in_its_middle(tailing, monkeypatch):
    monkeypatch.setattr("sources.connectors.file_tail.reading.HARVEST_BYTES", 2**16)
    tail = tailing("*.gz")
    lines = numbered(0, 20_000)
    tail.write("old.gz", gzip.compress(text(lines).encode()))
    harvest = tail.connector.poll(tail.now)
    tail.store(harvest)

    tail.restart()
    rest = tail.collect()

    assert tail.stored() == lines
    assert 0 < len(rest) < len(lines)


def test_an_unfinished_compressed_file_waits_for_its_rest(tailing):
    tail = tailing("*.gz")
    lines = numbered(0, 5000)
    whole = gzip.compress(text(lines).encode())
    tail.write("old.gz", whole[: len(whole) // 2])
    tail.collect()

    tail.write("old.gz", whole[len(whole) // 2 :])
    tail.collect()

    assert tail.stored() == lines


def test_the_last_line_of_a_rotated_file_needs_no_newline(tailing):
    tail = tailing()
    path = tail.write("app.log", "one\ntwo")
    tail.collect()

    path.rename(path.with_suffix(".log.1"))
    at_once = tail.collect()
    tail.pass_time(5)

    assert (at_once, tail.collect()) == ([], ["two"])


def test_several_files_come_in_one_batch_with_a_stream_each(tailing):
    tail = tailing()
    tail.write("a.log", "a1\na2\n")
    tail.write("b.log", "b1\n")

    tail.collect()

    [batch] = tail.batches()
    assert batch.table.column("stream").to_pylist() == [0, 0, 1]


def test_a_large_file_does_not_keep_a_small_one_waiting(tailing):
    tail = tailing()
    tail.write("large.log", text(numbered(0, 150_000)))
    tail.write("small.log", "small\n")

    tail.store(tail.connector.poll(tail.now))

    assert "small" in tail.stored()


def test_all_lines_of_a_large_file_come_in_order(tailing):
    tail = tailing()
    lines = numbered(0, 200_000)
    tail.write("app.log", text(lines))

    assert tail.collect() == lines


def test_from_end_leaves_out_what_was_there_before(tailing):
    tail = tailing(**{"from": "end"})
    tail.write("app.log", "old\n")
    tail.collect()

    tail.write("app.log", "new\n")
    tail.write("later.log", "all of it\n")

    assert sorted(tail.collect()) == ["all of it", "new"]


def test_files_in_new_directories_are_found(tailing):
    tail = tailing("**/*.log")
    tail.collect()

    (tail.directory / "a" / "b").mkdir(parents=True)
    tail.write("a/b/app.log", "deep\n")

    assert tail.collect() == ["deep"]


def test_a_directory_stands_for_its_files(tailing):
    tail = tailing(".", recursive=True)
    (tail.directory / "sub").mkdir()
    tail.write("app.log", "above\n")
    tail.write("sub/app.log", "below\n")

    assert sorted(tail.collect()) == ["above", "below"]


def test_one_file_with_two_names_is_read_once(tailing):
    tail = tailing()
    path = tail.write("app.log", "one\n")
    (tail.directory / "current.log").symlink_to(path)
    os.link(path, tail.directory / "same.log")

    assert tail.collect() + tail.collect() == ["one"]


def test_an_archive_of_two_days_is_told_from_a_copy_by_its_content(tailing):
    tail = tailing("app.log*")
    tail.write("app.log", text(numbered(0, 10)))
    tail.collect()

    tail.write("app.log.9", text(numbered(500, 510)))

    assert tail.collect() == numbered(500, 510)


TRACE = """Traceback (most recent call last):
  File "app.py", line 1, in <module>
ValueError: no such thing
"""


def test_lines_of_one_event_are_joined(tailing):
    tail = tailing(multiline=True)
    tail.write("app.log", f"ERROR failed\n{TRACE}INFO next\n")

    assert tail.collect() == [f"ERROR failed\n{TRACE}".rstrip(), "INFO next"]


def test_an_event_waits_for_its_rest(tailing):
    tail = tailing(multiline=True)
    head, rest = TRACE.split("\n", 1)
    tail.write("app.log", f"INFO before\nERROR failed\n{head}\n")
    first = tail.collect_at_once()
    tail.write("app.log", rest)
    second = tail.collect_at_once()

    tail.pass_time(2)

    assert (first, second, tail.collect_at_once()) == (
        ["INFO before"],
        [],
        [f"ERROR failed\n{TRACE}".rstrip()],
    )


def test_an_event_that_waits_survives_a_restart(tailing):
    tail = tailing(multiline=True)
    head, rest = TRACE.split("\n", 1)
    tail.write("app.log", f"INFO before\nERROR failed\n{head}\n")
    tail.collect_at_once()

    tail.restart()
    tail.write("app.log", rest)
    tail.pass_time(2)
    tail.collect_at_once()
    tail.pass_time(2)
    tail.collect_at_once()

    assert tail.stored() == ["INFO before", f"ERROR failed\n{TRACE}".rstrip()]


def test_a_file_behind_a_link_is_looked_at_more_often(tailing):
    tail = tailing()
    (tail.directory / "elsewhere").mkdir()
    path = tail.write("elsewhere/real", "one\n")
    (tail.directory / "app.log").symlink_to(path)
    tail.collect_at_once()

    tail.write("elsewhere/real", "two\n")
    tail.pass_time(1)

    assert tail.collect_at_once() == ["two"]
