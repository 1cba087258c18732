from __future__ import annotations

import gzip
from pathlib import Path

import pytest

pytestmark = [pytest.mark.integration, pytest.mark.django_db]

URL = "/api/v1/sources"


def test_a_test_says_which_files_match_now(api, tmp_path):
    (tmp_path / "a.log").write_text("hello\n")
    (tmp_path / "b.log").write_bytes(b"\x7fELF\x00\x00")

    answer = api.post(
        f"{URL}/test",
        {"kind": "file", "config": {"paths": [f"{tmp_path}/*.log"]}},
        format="json",
    ).json()

    assert (answer["ok"], [Path(f["path"]).name for f in answer["files"]]) == (
        True,
        ["a.log", "b.log"],
    )
    assert answer["files"][0]["size"] == 6
    assert "is a binary file" in answer["files"][1]["problem"]
    assert answer["text"].startswith("1 file can be read, 6 bytes in all.")


def test_a_test_of_paths_that_match_nothing_says_so(api, tmp_path):
    config = {"paths": [f"{tmp_path}/*.log"]}

    answer = api.post(f"{URL}/test", {"kind": "file", "config": config}, format="json")

    assert answer.json()["ok"] is False
    assert "No file matches" in answer.json()["text"]


def test_a_test_does_not_look_outside(api):
    config = {"paths": ["/etc/*"]}

    answer = api.post(f"{URL}/test", {"kind": "file", "config": config}, format="json")

    assert answer.status_code == 400


def test_a_preview_parses_the_newest_lines_of_the_newest_file(api, tmp_path):
    (tmp_path / "a.log").write_text('{"level":"error","msg":"failed","code":7}\n' * 20)

    config = {"paths": [f"{tmp_path}/*.log"]}
    answer = api.post(f"{URL}/preview", {"config": config}, format="json").json()

    assert (answer["format"], answer["confidence"], answer["total"]) == (
        "json",
        1.0,
        20,
    )
    assert answer["origin"] == f"{tmp_path}/a.log"
    line = answer["lines"][0]
    assert (line["level"], line["fields"]["code"], line["matched"]) == (
        "error",
        "7",
        True,
    )


def test_a_preview_reads_packed_files(api, tmp_path):
    (tmp_path / "a.log.gz").write_bytes(gzip.compress(b'{"msg":"hello"}\n' * 20))

    config = {"paths": [f"{tmp_path}/*.gz"]}
    answer = api.post(f"{URL}/preview", {"config": config}, format="json").json()

    assert (answer["format"], answer["total"]) == ("json", 20)


def test_a_preview_takes_pasted_lines(api):
    sample = "level=info msg=hello\nlevel=warn msg=careful\n"

    answer = api.post(f"{URL}/preview", {"sample": sample}, format="json").json()

    assert answer["format"] == "logfmt"
    assert [line["level"] for line in answer["lines"]] == ["info", "warn"]


@pytest.mark.parametrize("given", [{}, {"sample": "x", "config": {"paths": ["/x"]}}])
def test_a_preview_is_of_one_thing(api, given):
    answer = api.post(f"{URL}/preview", given, format="json")

    assert answer.status_code == 400
    assert answer.json()["error"]["detail"] == "Give either config or sample."
