from __future__ import annotations

import json

import pytest

from sources.formats.wrapped import CRI, DOCKER, unwrap, wrapper_of
from tests.factories.sources import log_batch
from tests.sources.formats.batches import RECEIVED_NS

pytestmark = pytest.mark.unit


def unwrapped(wrapper, *lines):
    table = unwrap(log_batch(*lines), wrapper, RECEIVED_NS).table
    streams = table.column("field.stream").to_pylist()
    return list(zip(table.column("line").to_pylist(), streams, strict=True))


def cri(tag, text, stream="stdout", second=1):
    return f"2026-10-10T13:55:{second:02d}.5Z {stream} {tag} {text}"


def docker(text, **more):
    return json.dumps(
        {"log": text, "stream": "stdout", "time": "2026-10-10T13:55:01Z", **more},
        separators=(",", ":"),
    )


def test_lines_come_out_of_the_cri_with_stream_and_time():
    batch = unwrap(log_batch(cri("F", "a b"), "foreign"), CRI, RECEIVED_NS)

    assert batch.table.column("line").to_pylist() == ["a b", "foreign"]
    assert batch.table.column("ts_ns").to_pylist() == [1791640501500000000, None]


def test_cut_lines_of_the_cri_are_joined_within_their_stream():
    lines = [
        cri("P", "one "),
        cri("P", "err ", "stderr"),
        cri("F", "whole", "stderr"),
        cri("P", "and "),
        cri("F", "two"),
        cri("F", "three"),
        cri("P", "open"),
    ]

    assert unwrapped(CRI, *lines) == [
        ("one and two", "stdout"),
        ("err whole", "stderr"),
        ("three", "stdout"),
        ("open", "stdout"),
    ]


def test_docker_lines_are_unwrapped_and_joined_to_their_line_end():
    lines = [docker("a\n"), docker('{"x":1}\r\n'), docker("cut "), docker("here\n")]

    assert unwrapped(DOCKER, *lines) == [
        ("a", "stdout"),
        ('{"x":1}', "stdout"),
        ("cut here", "stdout"),
    ]


def test_attributes_of_docker_are_fields():
    table = unwrap(
        log_batch(docker("a\n", attrs={"tag": "t"})), DOCKER, RECEIVED_NS
    ).table

    assert table.column("field.attrs.tag").to_pylist() == ["t"]


@pytest.mark.parametrize(
    ("name", "line", "wrapper"),
    [
        ("cri", cri("F", "x"), CRI),
        ("json", docker("x\n"), DOCKER),
        ("json", '{"msg":"x"}', ""),
        ("logfmt", "a=b", ""),
    ],
)
def test_wrappers_are_known_by_their_format(name, line, wrapper):
    assert wrapper_of(name, log_batch(line).table.column("line")) == wrapper
