"""What is said of the host: names, types and units, as node-exporter has them.

Names that begin with `host_` are our own: what nearly every dashboard computes first.
"""

from __future__ import annotations

from dataclasses import dataclass

from monitoring.labels import METRIC_NAME, Labels, make_labels
from monitoring.telemetry import MetricMetadata, MetricType

COUNTER, GAUGE, INFO = MetricType.COUNTER, MetricType.GAUGE, MetricType.INFO

METRICS: dict[str, MetricMetadata] = {
    name: MetricMetadata(kind, unit, text)
    for name, kind, unit, text in (
        ("up", GAUGE, "", "1 while the host is watched."),
        ("node_uname_info", INFO, "", "Names of the system, as uname gives them."),
        ("node_time_seconds", GAUGE, "seconds", "The host's clock."),
        ("node_boot_time_seconds", GAUGE, "seconds", "When the host was started."),
        ("node_cpu_seconds_total", COUNTER, "seconds", "CPU time by core and mode."),
        ("node_load1", GAUGE, "", "Processes that run or want to, mean of 1 minute."),
        ("node_load5", GAUGE, "", "Processes that run or want to, mean of 5 minutes."),
        (
            "node_load15",
            GAUGE,
            "",
            "Processes that run or want to, mean of 15 minutes.",
        ),
        ("node_context_switches_total", COUNTER, "", "Switches between processes."),
        ("node_intr_total", COUNTER, "", "Interrupts served."),
        ("node_forks_total", COUNTER, "", "Processes started."),
        ("node_procs_running", GAUGE, "", "Processes that can run now."),
        ("node_procs_blocked", GAUGE, "", "Processes that wait for input or output."),
        ("node_disk_reads_completed_total", COUNTER, "", "Reads done."),
        ("node_disk_writes_completed_total", COUNTER, "", "Writes done."),
        ("node_disk_read_bytes_total", COUNTER, "bytes", "Bytes read."),
        ("node_disk_written_bytes_total", COUNTER, "bytes", "Bytes written."),
        ("node_disk_read_time_seconds_total", COUNTER, "seconds", "Spent reading."),
        ("node_disk_write_time_seconds_total", COUNTER, "seconds", "Spent writing."),
        ("node_disk_io_time_seconds_total", COUNTER, "seconds", "The disk was busy."),
        ("node_filesystem_size_bytes", GAUGE, "bytes", "Size of the file system."),
        ("node_filesystem_free_bytes", GAUGE, "bytes", "Free, for root as well."),
        ("node_filesystem_avail_bytes", GAUGE, "bytes", "Free for everyone."),
        ("node_network_receive_bytes_total", COUNTER, "bytes", "Bytes received."),
        ("node_network_receive_packets_total", COUNTER, "", "Packets received."),
        ("node_network_receive_errs_total", COUNTER, "", "Receive errors."),
        ("node_network_receive_drop_total", COUNTER, "", "Received packets dropped."),
        ("node_network_transmit_bytes_total", COUNTER, "bytes", "Bytes sent."),
        ("node_network_transmit_packets_total", COUNTER, "", "Packets sent."),
        ("node_network_transmit_errs_total", COUNTER, "", "Transmit errors."),
        ("node_network_transmit_drop_total", COUNTER, "", "Packets not sent."),
        ("node_hwmon_temp_celsius", GAUGE, "celsius", "Temperature of a sensor."),
        ("host_cpu_usage_ratio", GAUGE, "ratio", "Busy share of all cores."),
        ("host_cpu_core_usage_ratio", GAUGE, "ratio", "Busy share of one core."),
        ("host_memory_usage_ratio", GAUGE, "ratio", "Memory that is not available."),
        ("host_swap_usage_ratio", GAUGE, "ratio", "Swap in use."),
        ("host_filesystem_usage_ratio", GAUGE, "ratio", "Used, of what users may use."),
        (
            "host_network_receive_bytes_per_second",
            GAUGE,
            "bytes_per_second",
            "Received since the last look.",
        ),
        (
            "host_network_transmit_bytes_per_second",
            GAUGE,
            "bytes_per_second",
            "Sent since the last look.",
        ),
    )
}


def metadata_of(name: str) -> MetricMetadata:
    """Return what is known of a metric; all of /proc/meminfo is in bytes."""
    if name.startswith("node_memory_"):
        field = name.removeprefix("node_memory_").removesuffix("_bytes")
        return MetricMetadata(GAUGE, "bytes", f"{field} of /proc/meminfo.")
    return METRICS[name]


@dataclass(frozen=True, slots=True)
class Sample:
    """One value of one series, which has these labels beside the source's."""

    name: str
    value: float
    labels: Labels = ()


def sample(name: str, value: float, **labels: str) -> Sample:
    return Sample(name, float(value), make_labels({METRIC_NAME: name, **labels}))
