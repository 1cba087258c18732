"""What no single module can promise: the shape of the whole."""

from __future__ import annotations

import ast
import importlib
import pkgutil
import pydoc
import re
from pathlib import Path

import pytest
from django.apps import apps
from django.db import models
from django.urls import URLPattern, URLResolver, get_resolver

from accounts.api.viewsets import ScopedAPI
from accounts.models import OrganizationModel, ScopedManager

pytestmark = pytest.mark.unit

ROOT = Path(__file__).resolve().parent.parent
ORDER = ["accounts", "monitoring", "alerts", "sources", "config"]
SOURCES = [
    path
    for app in ORDER
    for path in (ROOT / app).rglob("*.py")
    if "migrations" not in path.parts
]


def own_models() -> list[type[models.Model]]:
    return [m for m in apps.get_models() if m._meta.app_label in ORDER]


def tenant_models() -> list[type[models.Model]]:
    return [m for m in own_models() if issubclass(m, OrganizationModel)]


@pytest.mark.parametrize("model", own_models(), ids=lambda m: m._meta.label)
def test_foreign_keys_point_down(model):
    height = ORDER.index(model._meta.app_label)

    targets = [f.related_model for f in model._meta.fields if f.related_model]

    apps_above = [t for t in targets if t._meta.app_label in ORDER[height + 1 :]]
    assert apps_above == []


@pytest.mark.parametrize("model", tenant_models(), ids=lambda m: m._meta.label)
def test_tenants_models_answer_only_to_a_scope(model):
    assert isinstance(model.objects, ScopedManager)
    assert model._meta.default_manager_name == "unscoped"


def test_edges_never_read_unscoped():
    edges = ("api", "views", "consumers.py", "ingest")
    guilty = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in SOURCES
        if path.relative_to(ROOT).parts[1].startswith(edges)
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if ".unscoped" in line and ".unscoped.none()" not in line
    ]

    assert guilty == []


def task_paths() -> list[str]:
    """Dotted paths of tasks, wherever a string names one."""
    pattern = re.compile(r"\"((?:accounts|monitoring|alerts|sources)\.tasks\.\w+)\"")
    return sorted({p for path in SOURCES for p in pattern.findall(path.read_text())})


@pytest.mark.parametrize("path", task_paths())
def test_tasks_named_by_a_string_exist(path):
    assert callable(pydoc.locate(path))


def calls_of_async_task() -> list[tuple[str, ast.Call]]:
    return [
        (f"{path.relative_to(ROOT)}:{node.lineno}", node)
        for path in SOURCES
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "async_task"
    ]


@pytest.mark.parametrize(
    "call", [pytest.param(call, id=place) for place, call in calls_of_async_task()]
)
def test_tasks_take_their_arguments_by_position(call):
    # django-q takes group, timeout, hook … out of one's own keyword arguments.
    assert {keyword.arg for keyword in call.keywords} <= {"q_options"}


def routed_api_views() -> list[tuple[str, type, dict[str, str]]]:
    found = []

    def walk(resolver: URLResolver, prefix: str) -> None:
        for entry in resolver.url_patterns:
            path = prefix + str(entry.pattern)
            if isinstance(entry, URLResolver):
                walk(entry, path)
            elif isinstance(entry, URLPattern) and hasattr(entry.callback, "cls"):
                actions = getattr(entry.callback, "actions", None) or {}
                found.append((path, entry.callback.cls, actions))

    walk(get_resolver(), "")
    return [
        row for row in found if row[0].startswith(("api/v1/", "prometheus/", "loki/"))
    ]


@pytest.mark.parametrize(
    ("view", "actions"),
    [
        pytest.param(view, actions, id=path)
        for path, view, actions in routed_api_views()
    ],
)
def test_every_api_action_names_its_access(view, actions):
    assert issubclass(view, ScopedAPI)
    methods = [m for m in ("get", "post", "put", "patch", "delete") if hasattr(view, m)]
    wanted = set(actions.values()) if actions else set(methods)

    assert wanted <= set(view.access)


def test_every_module_can_be_imported():
    for app in ORDER:
        package = importlib.import_module(app)
        for module in pkgutil.walk_packages(package.__path__, f"{app}."):
            if module.name != "config.asgi":
                importlib.import_module(module.name)


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(ROOT)))
def test_no_file_outgrows_its_noun(path):
    assert len(path.read_text().splitlines()) <= 500
