"""What operating systems write beside syslog: the kernel's ring, Windows."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from sources.formats import levels
from sources.formats.patterns import Groups, PatternFormat


def _kernel_level(groups: Groups) -> pa.Array | None:
    if "pri" not in groups:
        return None
    severity = pc.bit_wise_and(groups["pri"].cast(pa.int64()), 7)
    return levels.of_numbers(severity.cast(pa.large_string()), levels.SYSLOG)


DMESG = PatternFormat(
    name="dmesg",
    title="Kernel ring (dmesg)",
    description="Seconds since boot as the field `uptime`, so the time is the arrival's; "
    "`dmesg -T` has a time. A priority in front gives the level.",
    example="<3>[12345.678901] usb 1-1: device not responding",
    patterns=(
        (
            r"^(?:<(?P<pri>\d{1,3})>)?\[\s*(?P<uptime>\d+\.\d{6})\]"
            r"(?:\[\s*(?P<caller>[TC]\d+)\])? "
        ),
        r"^(?:<(?P<pri>\d{1,3})>)?\[(?P<ts>\w{3} \w{3} [ \d]\d \d\d:\d\d:\d\d \d{4})\] ",
    ),
    level_of=_kernel_level,
    dropped=frozenset({"ts", "level", "pri"}),
)

WINDOWS_EVENT = PatternFormat(
    name="windows_event",
    title="Windows event text",
    description="What the event viewer exports as text or CSV: level, time, source, id.",
    example="Error\t10/10/2026 1:55:36 PM\tService Control Manager\t7036\tNone\tstopped",
    patterns=(
        (
            r"^(?P<level>Information|Warning|Error|Critical|Verbose)[\t,]"
            r"(?P<ts>\d{1,2}/\d{1,2}/\d{4} \d{1,2}:\d\d:\d\d(?: [AP]M)?)[\t,]"
            r"(?P<provider>[^\t,]+)[\t,](?P<event_id>\d+)(?:[\t,](?P<task>[^\t,]*))?"
        ),
    ),
)

WINDOWS_SETUP = PatternFormat(
    name="windows_cbs",
    title="Windows servicing (CBS, DISM)",
    description="Time, level and component of CBS.log and dism.log.",
    example="2026-10-10 13:55:36, Error                 CBS    Failed to resolve package",
    patterns=(
        (
            r"^(?P<ts>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d), "
            r"(?P<level>Info|Warning|Error|Fatal)\s+(?P<component>\w+)\s"
        ),
    ),
)

BLUE_GENE = PatternFormat(
    name="bluegene",
    title="Blue Gene RAS",
    description="Events of IBM's supercomputers: alert, node, time, component, severity.",
    example="- 1791640536 2026.10.10 R02-M1-N0 2026-10-10-13.55.36.120345 R02-M1-N0 "
    "RAS KERNEL INFO parity error corrected",
    patterns=(
        (
            r"^(?P<alert>\S+) \d{9,10} \d{4}\.\d\d\.\d\d (?P<node>\S+) "
            r"(?P<ts>\d{4}-\d\d-\d\d-\d\d\.\d\d\.\d\d\.\d{6}) \S+ (?P<type>\S+) "
            r"(?P<component>\S+) (?P<level>[A-Z]+)(?: |$)"
        ),
    ),
    absent=frozenset({"-"}),
)

FORMATS = (DMESG, BLUE_GENE, WINDOWS_EVENT, WINDOWS_SETUP)
