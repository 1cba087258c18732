"""A file that a program writes and the platform tails: where most stories begin."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import httpx


@dataclass(frozen=True)
class Shop:
    name: str
    source_id: int
    file: Path
    api: httpx.Client

    @classmethod
    def open(
        cls, directory: Path, api: httpx.Client, name: str, team: str | None = None
    ) -> Shop:
        file = directory / name / "app.log"
        file.parent.mkdir(parents=True)
        file.write_text(f"INFO {name} opens\n")
        body = {
            "kind": "file",
            "name": name,
            "team": team,
            "config": {"paths": [str(file)], "from": "start"},
        }
        response = api.post("/sources", json=body)
        assert response.status_code == httpx.codes.CREATED, response.text
        return cls(name, response.json()["id"], file, api)

    def write(self, *lines: str) -> None:
        with self.file.open("a") as file:
            file.writelines(f"{line}\n" for line in lines)

    def fail(self, times: int = 10, what: str = "payment failed") -> None:
        self.write(*(f"ERROR {what}, order {number}" for number in range(times)))

    def alerts(self) -> list[dict]:
        alerts = self.api.get("/alerts").json()["results"]
        return [a for a in alerts if a["labels"].get("source") == self.name]

    def close(self) -> None:
        for alert in self.alerts():
            if alert["status"] != "resolved":
                self.api.post(f"/alerts/{alert['id']}/resolve", json={"note": "Over."})
        self.api.delete(f"/sources/{self.source_id}")
