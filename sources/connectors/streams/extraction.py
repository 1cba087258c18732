"""Messages to lines: which part is the line, its time, its level. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from monitoring.telemetry import Level
from sources.connectors.streams.parcels import Record
from sources.connectors.streams.paths import Path, text_of
from sources.protocols.log_rows import label_name, level_of_severity, level_or_none

# Bunyan's and pino's numbers.
_OF_PINO = {
    10: Level.TRACE,
    20: Level.DEBUG,
    30: Level.INFO,
    40: Level.WARN,
    50: Level.ERROR,
    60: Level.FATAL,
}
PATHS = ("records_path", "line_path", "time_path", "level_path", "id_path")
TABLES = ("label_paths", "field_paths")


@dataclass(frozen=True, slots=True)
class Extracted:
    """The records of a message, their ids, and the time of the last one."""

    records: list[Record]
    ids: tuple[str, ...] = ()
    last_time: str = ""

    @property
    def last_id(self) -> str:
        return self.ids[-1] if self.ids else ""


class Extractor:
    """Reads the messages of one source, as its settings say.

    `found` counts by path how often it led somewhere, and under "" the records.
    """

    def __init__(self, config: Mapping[str, Any]) -> None:
        """Raises InvalidPathError."""
        self._is_text = config.get("payload", "json") == "text"
        self._paths = {key: Path(config[key]) for key in PATHS if config.get(key)}
        self._tables = {
            key: {name: Path(text) for name, text in (config.get(key) or {}).items()}
            for key in TABLES
        }
        self._seen = Seen()
        self.found: Counter[str] = Counter()

    def read(self, message: str) -> Extracted:
        """A message that is not what it should be is one line, as it is."""
        if self._is_text:
            return Extracted([Record(line) for line in _lines(message)])
        try:
            document = orjson.loads(message)
        except orjson.JSONDecodeError:
            self.found["no JSON"] += 1
            return Extracted([Record(line) for line in _lines(message)])
        return self.read_document(document, message)

    def read_document(self, document: Any, message: str = "") -> Extracted:
        listed = self._paths.get("records_path")
        parts = listed.items(document) if listed else [document]
        records: list[Record] = []
        ids: list[str] = []
        last_time = ""
        for part in parts:
            self.found[""] += 1
            record_id = self._text("id_path", part)
            record = self._record(part, "" if listed else message)
            if record is None or (record_id and self._seen.has(record_id)):
                continue
            records.append(record)
            ids += [record_id] if record_id else []
            last_time = record.time or last_time
        return Extracted(records, tuple(ids), last_time)

    def skip(self, record_ids: list[str]) -> None:
        """Take no record of these again."""
        for record_id in record_ids:
            self._seen.has(record_id)

    def _record(self, part: Any, message: str) -> Record | None:
        """A part without a line is another kind of message, such as an answer."""
        line = self._text("line_path", part)
        if "line_path" not in self._paths:
            line = part if isinstance(part, str) else message or text_of(part)
        if not line:
            return None
        labels, fields = (self._table(key, part) for key in TABLES)
        return Record(
            line,
            self._text("time_path", part),
            _level(self._value("level_path", part)),
            {label_name(n): text_of(v) for n, v in labels.items()},
            fields,
        )

    def _table(self, key: str, part: Any) -> dict[str, Any]:
        found = {name: path.first(part) for name, path in self._tables[key].items()}
        for name, value in found.items():
            self.found[self._tables[key][name].text] += value is not None
        return {name: value for name, value in found.items() if value is not None}

    def _value(self, key: str, part: Any) -> Any:
        path = self._paths.get(key)
        if path is None:
            return None
        value = path.first(part)
        self.found[path.text] += value is not None
        return value

    def _text(self, key: str, part: Any) -> str:
        return text_of(self._value(key, part))

    @property
    def problems(self) -> list[str]:
        """What does not fit, said of all messages that were read."""
        told = []
        if self.found["no JSON"]:
            told.append(
                f"{self.found['no JSON']} messages are no JSON: taken as lines."
            )
        listed = self._paths.get("records_path")
        if listed and not self.found[""]:
            told.append(f"{listed.text} leads nowhere in the messages.")
        paths = [path for key, path in self._paths.items() if key != "records_path"]
        paths += [path for table in self._tables.values() for path in table.values()]
        total = self.found[""]
        missing = [p.text for p in paths if total and self.found[p.text] < total]
        told += [
            f"{text} leads somewhere in {self.found[text]} of {total} records."
            for text in dict.fromkeys(missing)
        ]
        return told


class Seen:
    """Remembers the last ids, to take no record twice."""

    def __init__(self, most: int = 2000) -> None:
        self._ids: dict[str, None] = {}
        self._most = most

    def has(self, record_id: str) -> bool:
        """Whether it was seen before; from now on it was."""
        if record_id in self._ids:
            return True
        self._ids[record_id] = None
        if len(self._ids) > self._most:
            del self._ids[next(iter(self._ids))]
        return False


def _lines(message: str) -> list[str]:
    return [line for line in message.replace("\r\n", "\n").split("\n") if line]


def _level(value: Any) -> Level | None:
    """Return the level of a word, of pino's numbers or of syslog's."""
    if isinstance(value, int) and not isinstance(value, bool):
        return _OF_PINO.get(value) or level_of_severity(value)
    return level_or_none(value)
