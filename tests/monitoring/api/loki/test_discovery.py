from __future__ import annotations

import pytest

from tests.monitoring.api.loki.conftest import seconds_before

pytestmark = [pytest.mark.integration, pytest.mark.django_db]


@pytest.fixture
def streams(store):
    store("a", app="shop", env="prod")
    store("b", app="shop", env="test")
    store("c", app="mail", pod="mail-1")


@pytest.mark.parametrize(
    ("path", "parameters", "expected"),
    [
        ("labels", {}, ["app", "env", "pod"]),
        ("label", {}, ["app", "env", "pod"]),
        ("labels", {"query": '{app="mail"}'}, ["app", "pod"]),
        ("label/app/values", {}, ["mail", "shop"]),
        ("label/env/values", {"query": '{env!="test", app="shop"}'}, ["prod"]),
        ("series", {"match": '{app="mail"}'}, [{"app": "mail", "pod": "mail-1"}]),
        ("series", {"match": '{app="none"}'}, []),
        (
            "series",
            {"match": ['{env="prod"}', '{env="test"}']},
            [{"app": "shop", "env": "prod"}, {"app": "shop", "env": "test"}],
        ),
    ],
)
def test_what_there_is_can_be_asked_for(loki, streams, path, parameters, expected):
    assert loki.data(path, **parameters) == expected


def test_an_empty_list_of_labels_is_left_out_as_loki_does(loki, streams):
    assert loki.json("label/nothing/values") == {"status": "success"}


def test_streams_without_lines_in_the_range_are_not_told(loki, streams):
    long_ago = {"start": "1000", "end": "2000"}

    assert loki.json("labels", **long_ago) == {"status": "success"}
    assert loki.data("series", **long_ago) == []


def test_labels_that_tell_single_things_apart_are_not_offered(loki, store):
    store("a", app="shop", request="1", pod="7")

    assert loki.json("detected_labels") == {
        "detectedLabels": [
            {"label": "app", "cardinality": 1},
            {"label": "pod", "cardinality": 1},
        ]
    }


def test_fields_are_detected_with_their_types(loki, store):
    store(
        '{"status": 200, "took": "3ms", "ok": true, "size": "5KB", "user": {"id": "ada"}}',
        '{"status": 500, "took": "4ms", "ok": false, "size": "6KB", "user": {"id": "bob"}}',
        fields={"trace": ["x", "y"]},
    )
    store("level=info rate=1.5 msg=hi", app="mail")

    found = loki.json("detected_fields", query='{app=~".+"}')

    assert found["limit"] == 1000
    assert {
        f["label"]: (f["type"], f["cardinality"], f["parsers"]) for f in found["fields"]
    } == {
        "detected_level": ("string", 1, None),
        "level": ("string", 1, ["logfmt"]),
        "msg": ("string", 1, ["logfmt"]),
        "ok": ("boolean", 2, ["json"]),
        "rate": ("float", 1, ["logfmt"]),
        "size": ("bytes", 2, ["json"]),
        "status": ("int", 2, ["json"]),
        "took": ("duration", 2, ["json"]),
        "trace": ("string", 2, None),
        "user_id": ("string", 2, ["json"]),
    }


def test_a_fields_values_are_told(loki, store):
    store("user=ada", "user=bob", "user=ada")

    assert loki.json("detected_field/user/values", query='{app="shop"}') == {
        "values": ["ada", "bob"],
        "limit": 1000,
    }


def test_the_index_knows_how_much_there_is(loki, streams):
    found = loki.json("index/stats", query='{app="shop"}')

    assert found == {"streams": 2, "chunks": 2, "entries": 2, "bytes": 2}


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ({"query": '{app=~".+"}'}, [({"app": "shop"}, "2"), ({"app": "mail"}, "1")]),
        (
            {"query": '{app="shop"}', "targetLabels": "env"},
            [({"env": "prod"}, "1"), ({"env": "test"}, "1")],
        ),
        ({"query": '{app=~".+"}', "limit": "1"}, [({"app": "shop"}, "2")]),
        (
            {"query": '{app="shop"}', "aggregateBy": "labels"},
            [({"app": ""}, "2")],
        ),
    ],
)
def test_volumes_are_told_greatest_first(loki, streams, parameters, expected):
    data = loki.data("index/volume", **parameters)

    assert data["resultType"] == "vector"
    assert [(one["metric"], one["value"][1]) for one in data["result"]] == expected


def test_volumes_are_told_step_by_step(loki, store):
    store("a", "bb", "ccc")

    data = loki.data(
        "index/volume_range",
        query='{app="shop"}',
        start=seconds_before(2),
        end=seconds_before(0),
        step="1s",
    )

    assert data["resultType"] == "matrix"
    assert data["result"] == [
        {"metric": {"app": "shop"}, "values": [[1772366399, "1"], [1772366400, "2"]]}
    ]


def test_it_says_which_loki_it_answers_like(loki):
    assert loki.json("status/buildinfo")["version"].startswith("3.")


def test_a_tail_without_a_web_socket_is_told_so(loki):
    answer = loki.rest.get("/loki/api/v1/tail", {"query": '{app="shop"}'})

    assert answer.status_code == 400
    assert answer.content == b"the client is not using the websocket protocol\n"


def test_another_teams_lines_are_not_there(cast, store):
    from tests.api_client import client_for
    from tests.monitoring.api.loki.conftest import LokiClient

    store("a", team=cast.payments, app="pay")
    store("b", app="shop")
    carol = LokiClient(client_for(cast.acme, "read", team=cast.platform))

    assert carol.data("label/app/values") == ["shop"]
    assert carol.json("index/stats", query='{app="pay"}')["streams"] == 0
    assert carol.data("query_range", query='{app="pay"}')["result"] == []
