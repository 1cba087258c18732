"""Filling a template in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from typing_extensions import override

from alerts.evaluation.templates.functions import Context, Sample, functions_of
from monitoring.gotemplates import Run, TemplateError, TooMuchError
from monitoring.gotemplates.nodes import Node, Text

# What one template may do: steps it takes and characters it writes.
_MOST_STEPS = 5000
_MOST_TEXT = 20_000


@dataclass(frozen=True, slots=True)
class Data:
    """What `.` is at first."""

    labels: dict[str, str]
    value: float | None
    external_url: str = ""

    def variables(self) -> dict[str, Any]:
        return {
            "": self,
            "labels": self.labels,
            "value": float("nan") if self.value is None else float(self.value),
            "externalLabels": {},
            "externalURL": self.external_url,
        }


class Execution(Run):
    """What fails stays as it was written; what is too much ends with an ellipsis."""

    def __init__(self, data: Data, context: Context) -> None:
        super().__init__(
            functions_of(context),
            data.variables(),
            _MOST_STEPS,
            _MOST_TEXT,
            context.number,
        )
        self.data = data

    def run(self, nodes: tuple[Node, ...]) -> str:
        try:
            self.nodes(nodes, self.data)
        except (RecursionError, TooMuchError):
            self.written.append("…")
        return "".join(self.written)

    @override
    def node(self, node: Node, dot: Any) -> None:
        try:
            super().node(node, dot)
        except TooMuchError:
            raise
        except (TypeError, ValueError, ArithmeticError):
            self.write("" if isinstance(node, Text) else node.source)

    @override
    def field_of(self, value: Any, name: str) -> Any:
        match value, name:
            case dict(), _:
                return value.get(name, "")
            case ((Data() | Sample()), "Labels"):
                return value.labels
            case Data(), "Value":
                return self.variables["value"]
            case Sample(), "Value":
                return value.value
            case Data(), "ExternalURL":
                return value.external_url
            case Data(), "ExternalLabels":
                return {}
        raise TemplateError(f"no field {name}")
