from __future__ import annotations

import pytest

from sources.connectors.file_tail.globbing import PathPattern

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("pattern", "path", "expected"),
    [
        ("/a/app.log", "/a/app.log", True),
        ("/a/app.log", "/a/appxlog", False),
        ("/a/*.log", "/a/b.log", True),
        ("/a/*.log", "/a/b/c.log", False),
        ("/a/*.log", "/a/.hidden.log", False),
        ("/a/.*.log", "/a/.hidden.log", True),
        ("/a/?.log", "/a/b.log", True),
        ("/a/?.log", "/a//.log", False),
        ("/a/[bc].log", "/a/c.log", True),
        ("/a/[!bc].log", "/a/c.log", False),
        ("/a/[!b]c", "/a//c", False),
        ("/a/[a-c].log", "/a/b.log", True),
        ("/a/[.*]x", "/a/*x", True),
        ("/a/[z-a]", "/a/[z-a]", True),
        ("/a/[]]", "/a/]", True),
        ("/a/[", "/a/[", True),
        ("/a/**/*.log", "/a/b.log", True),
        ("/a/**/*.log", "/a/b/c/d.log", True),
        ("/a/**/*.log", "/a/.git/d.log", False),
        ("/a/**", "/a/b/c", True),
        ("/a/*/c.log", "/a/b/c.log", True),
        ("/a/*/c.log", "/a/c.log", False),
        ("/a/b+(c).log", "/a/b+(c).log", True),
    ],
)
def test_a_pattern_matches(pattern, path, expected):
    assert PathPattern(pattern).matches(path) is expected


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("*.log", ["a.log", "b.log"]),
        ("a.log", ["a.log"]),
        ("none.log", []),
        ("none/*.log", []),
        ("sub/*.log", ["sub/c.log"]),
        ("*/*.log", ["link/c.log", "sub/c.log"]),
        ("**/*.log", ["a.log", "b.log", "sub/c.log", "sub/deep/d.log"]),
        ("[ab].log", ["a.log", "b.log"]),
    ],
)
def test_a_pattern_finds(tmp_path, pattern, found):
    (tmp_path / "sub" / "deep").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "sub")
    for name in ("a.log", "b.log", ".hidden.log", "sub/c.log", "sub/deep/d.log"):
        (tmp_path / name).touch()

    paths = PathPattern(f"{tmp_path}/{pattern}").expand(lambda _: None)

    assert [path.removeprefix(f"{tmp_path}/") for path in paths] == found


@pytest.mark.parametrize("pattern", ["*.log", "**/*.log", "a.log", "sub/*/x.log"])
def test_whatever_a_pattern_finds_it_also_matches(tmp_path, pattern):
    (tmp_path / "sub" / "deep").mkdir(parents=True)
    for name in ("a.log", "sub/c.log", "sub/deep/x.log"):
        (tmp_path / name).touch()
    one = PathPattern(f"{tmp_path}/{pattern}")

    found = list(one.expand(lambda _: None))

    assert found
    assert all(one.matches(path) for path in found)


@pytest.mark.parametrize(
    ("pattern", "base", "is_deep"),
    [
        ("/a/b.log", "/a", False),
        ("/a/*.log", "/a", False),
        ("/a/*/b.log", "/a", True),
        ("/a/**/*.log", "/a", True),
        ("/*.log", "/", False),
    ],
)
def test_where_to_watch(pattern, base, is_deep):
    one = PathPattern(pattern)

    assert (one.base, one.is_deep) == (base, is_deep)


@pytest.mark.parametrize(
    ("recursive", "expected"), [(False, "{0}/*"), (True, "{0}/**/*")]
)
def test_a_directory_stands_for_what_is_in_it(tmp_path, recursive, expected):
    pattern = PathPattern.of_config(f"{tmp_path}/", recursive=recursive)

    assert pattern.text == expected.format(tmp_path)
