"""YAML as rule files are written in it: texts only, and no key twice."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import yaml

MAX_BYTES = 10_000_000


class RuleFileError(ValueError):
    """The file is no rule file; `problems` says where and why, each for itself."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = list(problems)


class _Loader(getattr(yaml, "CBaseLoader", yaml.BaseLoader)):  # type: ignore[misc]  # chosen at run time
    """Every scalar is the text that was written: no `yes` becomes a truth.

    A key that stands twice is refused, as Prometheus does.
    """


def _mapping(loader: Any, node: Any) -> dict[Any, Any]:
    seen: set[str] = set()
    for key, _ in node.value:
        if key.value in seen:
            line = key.start_mark.line + 1
            raise RuleFileError([f"line {line}: the key “{key.value}” stands twice"])
        if isinstance(key.value, str):
            seen.add(key.value)
    found: dict[Any, Any] = loader.construct_mapping(node, deep=True)
    return found


_Loader.add_constructor("tag:yaml.org,2002:map", _mapping)


def load_yaml(text: str) -> Any:
    if len(text) > MAX_BYTES:
        raise RuleFileError([f"the file has more than {MAX_BYTES} characters"])
    try:
        return yaml.load(text, Loader=_Loader)  # noqa: S506 - it makes texts only
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise RuleFileError([f"line {line}: {error.problem}"]) from None
    except (yaml.YAMLError, RecursionError, TypeError, ValueError) as error:
        if isinstance(error, RuleFileError):
            raise
        raise RuleFileError([f"this is not YAML: {error}"]) from None


def write_yaml(document: Any) -> str:
    text: str = yaml.safe_dump(
        document, sort_keys=False, allow_unicode=True, default_flow_style=False
    )
    return text
