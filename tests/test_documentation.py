"""What a reader must be able to find in docs/."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from monitoring.live import topics
from sources.formats import FORMATS
from sources.services.kinds import KINDS
from sources.services.kinds.describing import table_rows
from tests.test_architecture import routed_api_views

pytestmark = pytest.mark.unit

ROOT = Path(__file__).resolve().parent.parent
PAGES = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]
DOCS = "\n".join(page.read_text() for page in PAGES)
LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")


@pytest.mark.parametrize("document", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_links_lead_somewhere(document):
    targets = [
        t for t in LINK.findall(document.read_text()) if not t.startswith("http")
    ]

    assert [t for t in targets if not (document.parent / t).exists()] == []


@pytest.mark.parametrize("topic", topics.names())
def test_every_topic_of_the_socket_is_described(topic):
    assert f"| `{topic}` |" in (ROOT / "docs/websocket.md").read_text()


def nouns_of_the_api() -> list[str]:
    """Return the first part of each route, as in /api/v1/<noun>."""
    paths = [path for path, _, _ in routed_api_views() if path.startswith("api/v1/")]
    nouns = [path.removeprefix("api/v1/").lstrip("^") for path in paths]
    return sorted({re.split(r"[/$(<]", noun)[0] for noun in nouns})


@pytest.mark.parametrize("noun", nouns_of_the_api())
def test_every_noun_of_the_api_is_described(noun):
    assert f"/api/v1/{noun}" in DOCS


@pytest.mark.parametrize("name", sorted(FORMATS))
def test_every_format_is_described(name):
    assert f"`{name}`" in (ROOT / "docs/formats.md").read_text()


@pytest.mark.parametrize("kind", KINDS.values(), ids=lambda kind: kind.name)
def test_every_kind_of_source_is_described(kind):
    """Its heading, and a row for each setting exactly as the declaration has it."""
    _, _, section = (
        (ROOT / "docs/sources.md")
        .read_text()
        .partition(f"\n## {kind.title}: `{kind.name}`\n")
    )
    described = section.partition("\n## ")[0]

    assert described
    assert [row for row in table_rows(kind) if row not in described] == []


COMMANDS = [
    path.stem
    for path in ROOT.glob("*/management/commands/*.py")
    if path.stem != "__init__"
]


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_every_command_is_described(command):
    assert re.search(rf"\b{command}\b", DOCS)
