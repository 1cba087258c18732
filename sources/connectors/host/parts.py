"""What each part of the host says of itself, through psutil and /proc."""

from __future__ import annotations

import platform
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import psutil

from sources.connectors.host.metrics import Sample, sample

# Partitions, loop and memory devices: what node-exporter leaves out too.
_NO_DISK = re.compile(r"(?:z?ram|loop|fd|(?:h|s|v|xv)d[a-z]|nvme\d+n\d+p)\d+\Z")
_CPU_MODES = ("user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal")
_IDLE_MODES = ("idle", "iowait")
_MEMINFO = Path("/proc/meminfo")
_STAT = Path("/proc/stat")
_COUNTED = {
    "procs_running": "node_procs_running",
    "procs_blocked": "node_procs_blocked",
    "processes": "node_forks_total",
}


@dataclass(frozen=True, slots=True)
class Before:
    """Counters of the last look: rates and shares are over the time since."""

    at: datetime
    cpu: list[Any]
    network: dict[str, Any]


def look_back(now: datetime) -> Before:
    """Take the counters that the next look compares with."""
    return Before(
        now, psutil.cpu_times(percpu=True), psutil.net_io_counters(pernic=True)
    )


Part = Callable[[Before, Before], Iterator[Sample]]


def identity(before: Before, after: Before) -> Iterator[Sample]:
    names = platform.uname()
    yield sample("up", 1)
    yield sample("node_time_seconds", after.at.timestamp())
    yield sample("node_boot_time_seconds", psutil.boot_time())
    yield sample(
        "node_uname_info",
        1,
        sysname=names.system,
        nodename=names.node,
        release=names.release,
        version=names.version,
        machine=names.machine,
    )


def cpu(before: Before, after: Before) -> Iterator[Sample]:
    for core, times in enumerate(after.cpu):
        for mode in _CPU_MODES:
            seconds = getattr(times, mode, None)
            if seconds is not None:
                yield sample(
                    "node_cpu_seconds_total", seconds, cpu=str(core), mode=mode
                )
    yield from _cpu_usage(before, after)


def _cpu_usage(before: Before, after: Before) -> Iterator[Sample]:
    busy_of_all = time_of_all = 0.0
    for core, (old, new) in enumerate(zip(before.cpu, after.cpu, strict=False)):
        spent = {m: getattr(new, m, 0.0) - getattr(old, m, 0.0) for m in _CPU_MODES}
        time = sum(spent.values())
        busy = time - sum(spent[mode] for mode in _IDLE_MODES)
        if time > 0:
            usage = _ratio(busy, time)
            yield sample("host_cpu_core_usage_ratio", usage, cpu=str(core))
        busy_of_all, time_of_all = busy_of_all + busy, time_of_all + time
    if time_of_all > 0:
        yield sample("host_cpu_usage_ratio", _ratio(busy_of_all, time_of_all))


def load(before: Before, after: Before) -> Iterator[Sample]:
    for minutes, value in zip((1, 5, 15), psutil.getloadavg(), strict=True):
        yield sample(f"node_load{minutes}", value)


def kernel(before: Before, after: Before) -> Iterator[Sample]:
    stats = psutil.cpu_stats()
    yield sample("node_context_switches_total", stats.ctx_switches)
    yield sample("node_intr_total", stats.interrupts)
    for line in _STAT.read_text().splitlines():
        word, _, rest = line.partition(" ")
        if word in _COUNTED:
            yield sample(_COUNTED[word], float(rest))


def memory(before: Before, after: Before) -> Iterator[Sample]:
    used = psutil.virtual_memory()
    yield sample(
        "host_memory_usage_ratio", _ratio(used.total - used.available, used.total)
    )
    swap = psutil.swap_memory()
    yield sample("host_swap_usage_ratio", _ratio(swap.used, swap.total))
    if not _MEMINFO.exists():
        yield sample("node_memory_MemTotal_bytes", used.total)
        yield sample("node_memory_MemAvailable_bytes", used.available)
        yield sample("node_memory_MemFree_bytes", used.free)
        return
    yield from _meminfo(_MEMINFO.read_text())


def _meminfo(text: str) -> Iterator[Sample]:
    """Yield everything that has a size: `MemTotal:  16384 kB`."""
    for line in text.splitlines():
        name, _, rest = line.partition(":")
        number, _, unit = rest.strip().partition(" ")
        if unit == "kB":
            name = re.sub(r"[^a-zA-Z0-9_]+", "_", name).rstrip("_")
            yield sample(f"node_memory_{name}_bytes", int(number) * 1024)


def disks(before: Before, after: Before) -> Iterator[Sample]:
    for device, io in (psutil.disk_io_counters(perdisk=True) or {}).items():
        if _NO_DISK.match(device):
            continue
        for name, value in (
            ("reads_completed_total", io.read_count),
            ("writes_completed_total", io.write_count),
            ("read_bytes_total", io.read_bytes),
            ("written_bytes_total", io.write_bytes),
            ("read_time_seconds_total", io.read_time / 1000),
            ("write_time_seconds_total", io.write_time / 1000),
            ("io_time_seconds_total", getattr(io, "busy_time", 0) / 1000),
        ):
            yield sample(f"node_disk_{name}", value, device=device)


def filesystems(before: Before, after: Before) -> Iterator[Sample]:
    for device, mountpoint, fstype in _mounts():
        try:
            usage = psutil.disk_usage(mountpoint)
        except OSError:
            continue
        where = {"device": device, "mountpoint": mountpoint}
        for name, value in (
            ("size", usage.total),
            ("avail", usage.free),
            ("free", usage.total - usage.used),
        ):
            yield sample(f"node_filesystem_{name}_bytes", value, fstype=fstype, **where)
        used = _ratio(usage.used, usage.used + usage.free)
        yield sample("host_filesystem_usage_ratio", used, **where)


def _mounts() -> Iterator[tuple[str, str, str]]:
    """Yield real disks once each, and the root, whatever it is on in a container.

    Network file systems are left out: asking one whose server is away never returns.
    """
    devices = set()
    for part in sorted(
        psutil.disk_partitions(all=False), key=lambda p: len(p.mountpoint)
    ):
        if part.device not in devices and Path(part.mountpoint).is_dir():
            devices.add(part.device)
            yield part.device, part.mountpoint, part.fstype
    for part in psutil.disk_partitions(all=True):
        if part.mountpoint == "/" and part.device not in devices:
            yield part.device, "/", part.fstype
            return


def network(before: Before, after: Before) -> Iterator[Sample]:
    seconds = (after.at - before.at).total_seconds()
    for device, io in after.network.items():
        for name, value in (
            ("receive_bytes", io.bytes_recv),
            ("receive_packets", io.packets_recv),
            ("receive_errs", io.errin),
            ("receive_drop", io.dropin),
            ("transmit_bytes", io.bytes_sent),
            ("transmit_packets", io.packets_sent),
            ("transmit_errs", io.errout),
            ("transmit_drop", io.dropout),
        ):
            yield sample(f"node_network_{name}_total", value, device=device)
        old = before.network.get(device)
        if old is not None and seconds > 0 and device != "lo":
            received = max(0, io.bytes_recv - old.bytes_recv) / seconds
            sent = max(0, io.bytes_sent - old.bytes_sent) / seconds
            yield sample(
                "host_network_receive_bytes_per_second", received, device=device
            )
            yield sample("host_network_transmit_bytes_per_second", sent, device=device)


def temperatures(before: Before, after: Before) -> Iterator[Sample]:
    read = getattr(psutil, "sensors_temperatures", None)  # Linux and FreeBSD have it
    for chip, sensors in (read() if read else {}).items():
        for index, sensor in enumerate(sensors, start=1):
            yield sample(
                "node_hwmon_temp_celsius",
                sensor.current,
                chip=chip,
                sensor=f"temp{index}",
                label=sensor.label,
            )


PARTS: tuple[Part, ...] = (
    identity,
    cpu,
    load,
    kernel,
    memory,
    disks,
    filesystems,
    network,
    temperatures,
)


def _ratio(part: float, whole: float) -> float:
    return min(1.0, max(0.0, part / whole)) if whole else 0.0
