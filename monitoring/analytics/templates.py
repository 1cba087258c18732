"""Templates of lines, mined with Drain.

Words are what stands between blanks and punctuation; what stands between words is kept
as it is, so that a template is a pattern that LogQL's `|>` finds its lines with. Lines
of one template have the same punctuation.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from drain3.drain import Drain, LogCluster

from monitoring.analytics.masking import PARAMETER

# More templates are no longer a summary: the longest unseen one goes.
MAX_TEMPLATES = 200
# Words that are told apart; what follows is one parameter.
MAX_WORDS = 100

# Words in common, of all words, from which on two lines are of one kind.
_SIMILARITY = 0.5
# Of the tree: count, punctuation and two words lead to the templates to compare with.
_DEPTH = 5
_MAX_CHILDREN = 100

_WORD = re.compile(r"""(?:<_>|[^\s=,;:"'()\[\]{}|])+""")
_TWICE = re.compile(r"<_>(?:<_>)+")


@dataclass(frozen=True, slots=True)
class Words:
    """A masked line: `between[i]` stands before word i, and the last behind them."""

    words: tuple[str, ...]
    between: tuple[str, ...]

    @classmethod
    def of(cls, masked: str) -> Words:
        found = list(_WORD.finditer(masked))
        if len(found) > MAX_WORDS:
            masked = masked[: found[MAX_WORDS - 1].start()] + PARAMETER
            found = list(_WORD.finditer(masked))
        ends = [0, *(one.end() for one in found)]
        starts = [*(one.start() for one in found), len(masked)]
        between = tuple(
            masked[end:start] for end, start in zip(ends, starts, strict=True)
        )
        return cls(tuple(one[0] for one in found), between)

    def text(self, words: Iterable[str]) -> str:
        parts = [self.between[0]]
        for word, behind in zip(words, self.between[1:], strict=True):
            parts += (word, behind)
        return _TWICE.sub(PARAMETER, "".join(parts))


class Miner:
    """The templates of one kind of lines, by numbers that stay theirs."""

    def __init__(self) -> None:
        self._drain = Drain(
            depth=_DEPTH,
            sim_th=_SIMILARITY,
            max_children=_MAX_CHILDREN,
            max_clusters=MAX_TEMPLATES,
            param_str=PARAMETER,
            parametrize_numeric_tokens=False,
        )
        self._layouts: dict[int, Words] = {}
        self._known: dict[str, int] = {}

    def add(self, masked: str) -> int:
        """Return the number of the line's template, which may be new."""
        known = self._known.get(masked)
        if known is not None and known in self._drain.id_to_cluster:
            return known
        words = Words.of(masked)
        # The punctuation comes first: lines that differ in it never meet.
        content = ["\0".join(words.between), *words.words]
        cluster = self._add(content)
        self._layouts.setdefault(cluster.cluster_id, words)
        self._remember(masked, cluster.cluster_id)
        return int(cluster.cluster_id)

    def _add(self, content: list[str]) -> LogCluster:
        drain = self._drain
        found = drain.tree_search(
            drain.root_node, content, drain.sim_th, include_params=False
        )
        if found is None:
            drain.clusters_counter += 1
            found = LogCluster(content, drain.clusters_counter)
            drain.id_to_cluster[found.cluster_id] = found
            drain.add_seq_to_prefix_tree(drain.root_node, found)
            return found
        merged = drain.create_template(content, found.log_template_tokens)
        found.log_template_tokens = tuple(merged)
        # Touching it keeps it from being the longest unseen.
        drain.id_to_cluster[found.cluster_id]
        return found

    def __contains__(self, number: int) -> bool:
        """Whether the template is kept: the longest unseen ones are forgotten."""
        return number in self._drain.id_to_cluster

    def template(self, number: int) -> str:
        cluster = self._drain.id_to_cluster.get(number)
        words = self._layouts[number]
        return words.text(cluster.log_template_tokens[1:] if cluster else words.words)

    def forget(self) -> None:
        """Let go of what belongs to templates that are no longer kept."""
        self._layouts = {n: words for n, words in self._layouts.items() if n in self}

    def _remember(self, masked: str, number: int) -> None:
        if len(self._known) > 10 * MAX_TEMPLATES:
            self._known.clear()
        self._known[masked] = number
