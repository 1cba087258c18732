"""Elasticsearch's `_bulk`, and as much of the rest as its shippers ask for first.

The base address of a shipper is `/elasticsearch`. At the root only an Elastic client
is answered: our own home page is there.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from typing import Any

from sources.ingest.credentials import api_key, basic, bearer
from sources.ingest.door import Door, Push, Taken
from sources.ingest.refusals import Answer, Headers, RefusedError
from sources.ingest.requests import PushRequest
from sources.protocols import MalformedBodyError, elastic_bulk
from sources.protocols.elastic_bulk import Action, Bulk

_BASE = r"(?:/elasticsearch)?"
_INDEX = r"(?P<index>[^/_][^/]*)"
# What is spoken here: Filebeat 8 and Logstash 8 send to no older server.
_VERSION = "8.17.0"
# Logstash and the official clients refuse a server that does not say this.
_PRODUCT = {"X-Elastic-Product": "Elasticsearch"}
# 31 December 2099: an open-source licence does not end.
_FOREVER_MS = 4_102_358_400_000
# How clients of the family name themselves.
_CLIENT = re.compile(
    r"(?:file|metric|packet|audit|winlog|journal)beat|logstash|elasticsearch|opensearch",
    re.IGNORECASE,
)

_TYPES = {
    400: "illegal_argument_exception",
    401: "security_exception",
    403: "security_exception",
    404: "resource_not_found_exception",
    408: "timeout_exception",
    413: "content_too_long_exception",
    415: "media_type_header_exception",
    429: "es_rejected_execution_exception",
    503: "unavailable_exception",
}


def _json(status: int, body: Any, headers: Headers | None = None) -> Answer:
    return Answer.json(status, body, {**_PRODUCT, **(headers or {})})


def _refuse(error: RefusedError, _headers: Headers) -> Answer:
    kind = _TYPES.get(error.status, "exception")
    cause = {"type": kind, "reason": error.detail}
    body = {"error": {"root_cause": [cause], **cause}, "status": error.status}
    return _json(error.status, body, error.headers)


# --- Bulk -----------------------------------------------------------------------------


def _take_bulk(push: Push) -> Taken:
    started = time.monotonic()
    index = push.request.groups.get("index", "")
    try:
        bulk = elastic_bulk.decode(push.body, push.log_terms(), index=index)
    except MalformedBodyError as error:
        raise RefusedError(400, "malformed_body", str(error)) from None
    items = [_item(action, bulk.errors.get(i)) for i, action in enumerate(bulk.actions)]
    took = int((time.monotonic() - started) * 1000)
    body = {"took": took, "errors": bool(bulk.errors), "items": items}
    return Taken(
        _json(200, body),
        (bulk.decoded.batch,),
        bulk.decoded.size,
        len(bulk.decoded.rejected),
        _problem(bulk),
    )


def _problem(bulk: Bulk) -> str:
    return next((reason for _, reason in bulk.errors.values()), "")


def _item(action: Action, error: tuple[str, str] | None) -> dict[str, Any]:
    said: dict[str, Any] = {"_index": action.index, "_id": action.id}
    if error is None:
        shards = {"total": 1, "successful": 1, "failed": 0}
        said |= {"_version": 1, "result": "created", "_shards": shards, "status": 201}
    else:
        said |= {"status": 400, "error": {"type": error[0], "reason": error[1]}}
    return {action.name: said}


# --- What shippers ask first ----------------------------------------------------------


def _take_root(_push: Push) -> Taken:
    return Taken(_json(200, _ROOT))


_ROOT: Mapping[str, Any] = {
    "name": "vedette",
    "cluster_name": "vedette",
    "cluster_uuid": "vedette",
    "version": {
        "number": _VERSION,
        "build_flavor": "default",
        "build_type": "docker",
        "build_snapshot": False,
        "lucene_version": "9.12.0",
        "minimum_wire_compatibility_version": "7.17.0",
        "minimum_index_compatibility_version": "7.0.0",
    },
    "tagline": "You Know, for Search",
}
_LICENSE = {
    "uid": "vedette",
    "type": "basic",
    "status": "active",
    "expiry_date_in_millis": _FOREVER_MS,
}
_ANSWERS: Mapping[str, Mapping[str, Any]] = {
    "_license": {"license": _LICENSE},
    "_xpack": {
        "license": {**_LICENSE, "mode": "basic"},
        "features": {"ilm": {"available": False, "enabled": False}},
    },
    "_xpack/license": {"license": _LICENSE},
    "_cluster/health": {
        "cluster_name": "vedette",
        "status": "green",
        "timed_out": False,
        "number_of_nodes": 1,
        "number_of_data_nodes": 1,
    },
    "_nodes": {"_nodes": {"total": 1, "successful": 1, "failed": 0}, "nodes": {}},
}
# Set-up that a shipper may make: it is acknowledged, and changes nothing.
_SET_UP = (
    r"(?P<asked>_license|_xpack|_xpack/license|_cluster/health"
    r"|_nodes(?:/.*)?|_ilm/policy(?:/.*)?|_index_template(?:/.*)?|_template(?:/.*)?"
    r"|_component_template(?:/.*)?|_ingest/pipeline(?:/.*)?|_data_stream(?:/.*)?"
    r"|_logstash/pipeline(?:/.*)?|_alias(?:/.*)?|_cat/health)"
)


def _take_set_up(push: Push) -> Taken:
    asked = push.request.groups["asked"]
    if push.request.method == "PUT":
        return Taken(_json(200, {"acknowledged": True}))
    first = asked.partition("/")[0]
    known = _ANSWERS.get(asked, _ANSWERS.get(first, {}) if first == "_nodes" else {})
    return Taken(_json(200, known))


def _is_client(request: PushRequest) -> bool:
    """Browsers ask for the root as well: theirs is the home page."""
    headers = request.headers
    said = f"{headers.get('user-agent', '')} {headers.get('accept', '')}"
    return "x-elastic-client-meta" in headers or _CLIENT.search(said) is not None


_READS = frozenset({"GET", "HEAD"})
_CREDENTIALS = (bearer, api_key, basic)


def _door(path: str, take: Any, **more: Any) -> Door:
    return Door(
        path,
        take,
        refuse=_refuse,
        credentials=_CREDENTIALS,
        challenge='Basic realm="security", ApiKey',
        **more,
    )


DOORS = (
    _door(
        f"{_BASE}/(?:{_INDEX}/)?(?:_doc/)?_bulk/?",
        _take_bulk,
        methods=frozenset({"POST", "PUT"}),
    ),
    _door(f"{_BASE}/{_SET_UP}", _take_set_up, methods=_READS | {"PUT", "POST"}),
    _door("/elasticsearch", _take_root, methods=_READS),
    _door("/elasticsearch/", _take_root, methods=_READS),
    _door("/", _take_root, methods=_READS, serves=_is_client),
)
