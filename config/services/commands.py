"""Which manage.py commands need the embedded servers: standard library only."""

from __future__ import annotations

from collections.abc import Sequence

# They neither read nor write data, or (`up`) see to the servers themselves.
_WITHOUT_SERVERS = frozenset(
    {
        *("help", "version", "up", "check", "diffsettings", "findstatic"),
        *("collectstatic", "compilemessages", "makemessages"),
        *("spectacular", "startapp", "startproject", "sendtestemail"),
        "test_rules",
    }
)
_ASKS_ONLY = frozenset({"-h", "--help", "--version"})


def needs_servers(argv: Sequence[str]) -> bool:
    """Whether a command line, as in `sys.argv`, needs PostgreSQL or Redis.

    An unknown command is taken to need them: it is the safe mistake.
    """
    words = argv[1:]
    if not words or _ASKS_ONLY.intersection(words) or words[0].startswith("-"):
        return False
    if words[0] == "check":
        return bool({"--deploy", "--database"}.intersection(words))
    return words[0] not in _WITHOUT_SERVERS
