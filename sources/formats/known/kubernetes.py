"""What Kubernetes writes: container lines of the CRI, and klog (glog) of its parts."""

from __future__ import annotations

from sources.formats.patterns import PatternFormat

CRI = PatternFormat(
    name="cri",
    title="Kubernetes container (CRI)",
    description="The lines of containerd and CRI-O under /var/log/pods. The level is "
    "that of the container's own line.",
    example="2026-10-10T13:55:36.120345678Z stderr F ERROR payment refused",
    patterns=(
        (
            r"^(?P<ts>\d{4}-\d\d-\d\dT[\d:.]+(?:Z|[+-]\d\d:\d\d)) "
            r"(?P<stream>stdout|stderr) (?P<partial>P?)F?(?: |$)"
        ),
    ),
)

KLOG = PatternFormat(
    name="klog",
    title="klog and glog",
    description="Level letter, month and day, time, thread and source line. It has no "
    "year: the latest possible one is taken.",
    example='E1010 13:55:36.120345       1 kubelet.go:1902] "Sync failed" pod="a/b"',
    patterns=(
        (
            r"^(?P<level>[IWEF])(?P<ts>\d{4} \d\d:\d\d:\d\d(?:\.\d{1,9})?)\s+"
            r"(?P<thread>\d+) (?P<source>[^\]\s]+:\d+)\]"
        ),
    ),
)

FORMATS = (CRI, KLOG)
