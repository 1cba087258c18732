"""The kernel's own events, through watchdog: waited for, never slept for."""

from __future__ import annotations

import shutil
import threading

import pytest

from sources.connectors.file_tail.watching import Watcher

pytestmark = pytest.mark.integration

TIMEOUT = 30.0


class Woken:
    def __init__(self) -> None:
        self.event = threading.Event()
        self.watcher = Watcher(self.event.set)
        self.touched: set[str] = set()

    def wait_for(self, path) -> bool:
        """Return whether the watcher comes to tell of this path."""
        while str(path) not in self.touched:
            if not self.event.wait(TIMEOUT):
                return False
            self.event.clear()
            self.touched |= self.watcher.take()[0]
        return True


@pytest.fixture
def woken():
    one = Woken()
    yield one
    one.watcher.close()


def test_a_write_wakes(woken, tmp_path):
    path = tmp_path / "app.log"
    path.touch()
    woken.watcher.watch([(str(tmp_path), False)])

    path.write_text("one\n")

    assert woken.wait_for(path)


def test_a_new_file_wakes(woken, tmp_path):
    woken.watcher.watch([(str(tmp_path), False)])

    (tmp_path / "app.log").touch()

    assert woken.wait_for(tmp_path / "app.log")


def test_a_rename_tells_of_both_names(woken, tmp_path):
    (tmp_path / "app.log").touch()
    woken.watcher.watch([(str(tmp_path), False)])

    (tmp_path / "app.log").rename(tmp_path / "app.log.1")

    assert woken.wait_for(tmp_path / "app.log")
    assert woken.wait_for(tmp_path / "app.log.1")


def test_a_write_far_below_wakes_a_deep_watch(woken, tmp_path):
    (tmp_path / "a" / "b").mkdir(parents=True)
    woken.watcher.watch([(str(tmp_path), True)])

    (tmp_path / "a" / "b" / "app.log").write_text("one\n")

    assert woken.wait_for(tmp_path / "a" / "b" / "app.log")


def test_a_directory_that_was_made_anew_is_watched_anew(woken, tmp_path):
    directory = tmp_path / "logs"
    directory.mkdir()
    woken.watcher.watch([(str(directory), False)])
    shutil.move(directory, tmp_path / "old")
    directory.mkdir()

    woken.watcher.watch([(str(directory), False)])
    (directory / "app.log").touch()

    assert woken.wait_for(directory / "app.log")


def test_a_directory_that_is_not_there_is_watched_once_it_is(woken, tmp_path):
    directory = tmp_path / "logs"
    woken.watcher.watch([(str(directory), False)])
    directory.mkdir()

    woken.watcher.watch([(str(directory), False)])
    (directory / "app.log").touch()

    assert woken.wait_for(directory / "app.log")


@pytest.mark.parametrize(
    ("path", "covered"),
    [
        ("{0}/app.log", True),
        ("{0}/sub/app.log", False),
        ("{0}/deep/a/b/app.log", True),
        ("/elsewhere/app.log", False),
    ],
)
def test_what_is_covered(woken, tmp_path, path, covered):
    (tmp_path / "deep").mkdir()
    woken.watcher.watch([(str(tmp_path), False), (str(tmp_path / "deep"), True)])

    assert woken.watcher.covers(path.format(tmp_path)) is covered
