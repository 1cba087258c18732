"""What Java programs write: log4j, logback, Spring Boot, and the big servers."""

from __future__ import annotations

from sources.formats.patterns import PatternFormat

LEVEL = r"(?P<level>TRACE|DEBUG|INFO|WARN|WARNING|ERROR|FATAL|SEVERE|FINE|FINER|FINEST)"
DAY = r"\d{4}-\d\d-\d\d[T ]"
CLOCK = r"\d\d:\d\d:\d\d[.,]\d{3,9}"
STAMP = r"(?P<ts>" + DAY + CLOCK + r"(?:Z|[+-]\d\d:?\d\d)?)"
CLASS = r"(?P<logger>[\w.$/]+(?:\[[^\]]*\])?)"

SPRING_BOOT = PatternFormat(
    name="spring_boot",
    title="Spring Boot",
    description="Time, level, process id, thread and shortened logger.",
    example="2026-10-10T13:55:36.120+02:00  WARN 31 --- [shop] [main] "
    "c.a.shop.Cart : stock is low",
    patterns=(
        "^" + STAMP + r"\s+" + LEVEL + r"\s+(?P<pid>\d+) --- "
        r"(?:\[\s*(?P<application>[\w-]+)\] )?\[\s*(?P<thread>[^\]]+)\] "
        r"(?P<logger>\S+)\s+: ",
    ),
)

LOG4J = PatternFormat(
    name="log4j",
    title="log4j and logback",
    description="Time, [thread], LEVEL, logger in their usual orders; the date may be "
    "missing, as in logback's own default.",
    example="2026-10-10 13:55:36,120 [main] ERROR com.acme.shop.Cart - stock is low",
    patterns=(
        "^"
        + STAMP
        + r" \[(?P<thread>[^\]]+)\] "
        + LEVEL
        + r"\s+"
        + CLASS
        + r"\s+-{1,2} ",
        r"^(?P<ts>"
        + CLOCK
        + r") \[(?P<thread>[^\]]+)\] "
        + LEVEL
        + r"\s+"
        + CLASS
        + r"\s+-{1,2} ",
        "^" + STAMP + r"\s+" + LEVEL + r"\s+\[(?P<thread>[^\]]+)\]\s+" + CLASS,
        "^"
        + LEVEL
        + r"\s+\[(?P<thread>[^\]]+)\]\s+(?:\(?"
        + STAMP
        + r"\)?\s+)?"
        + CLASS,
        "^" + LEVEL + r"\s+" + STAMP + r"\s+\[(?P<thread>[^\]]+)\]\s+" + CLASS,
        r"^(?P<ts>\d\d-\w{3}-\d{4} "
        + CLOCK
        + r")\s+"
        + LEVEL
        + r"\s+\[(?P<thread>[^\]]+)\]\s+"
        + CLASS,
        "^" + STAMP + r"\s+" + LEVEL + r"\s+" + CLASS + r"\s+-{1,2} ",
    ),
)

HADOOP = PatternFormat(
    name="hadoop",
    title="Hadoop",
    description="HDFS, YARN and HBase, with the date as ISO or as yymmdd.",
    example="2026-10-10 13:55:36,120 INFO org.apache.hadoop.hdfs.DataNode: block served",
    patterns=(
        "^" + STAMP + r"\s+" + LEVEL + r"\s+(?P<logger>[A-Za-z][\w.$]*\.[\w.$]+): ",
        r"^(?P<ts>\d{6} \d{6}) (?P<thread>\d+) " + LEVEL + r" (?P<logger>[\w.$]+): ",
        r"^(?P<ts>\d\d/\d\d/\d\d \d\d:\d\d:\d\d) " + LEVEL + r" (?P<logger>[\w.$]+): ",
    ),
)

KAFKA = PatternFormat(
    name="kafka",
    title="Kafka",
    description="[time] LEVEL message (logger).",
    example="[2026-10-10 13:55:36,120] WARN [Broker id=1] leader moved (kafka.server.Log)",
    patterns=(
        r"^\["
        + STAMP
        + r"\] "
        + LEVEL
        + r"\s(?:.*\((?P<logger>[a-z][\w.$]*\.[\w.$]+)\)$)",
        r"^\[" + STAMP + r"\] " + LEVEL + r"\s",
    ),
)

ZOOKEEPER = PatternFormat(
    name="zookeeper",
    title="ZooKeeper",
    description="Time, server id, level, thread with class and line.",
    example="2026-10-10 13:55:36,120 [myid:1] - WARN  [main:QuorumPeerConfig@136] - no peer",
    patterns=(
        "^"
        + STAMP
        + r" (?:\[myid:(?P<myid>\d*)\] )?- "
        + LEVEL
        + r"\s+\[(?P<thread>.+):(?P<logger>[\w$.]+)@(?P<line_number>\d+)\] - ",
    ),
)

ELASTICSEARCH = PatternFormat(
    name="elasticsearch",
    title="Elasticsearch and OpenSearch",
    description="[time][level][logger] [node] message, their plain-text logs.",
    example="[2026-10-10T13:55:36,120][WARN ][o.e.c.Coordinator ] [node-1] no master",
    patterns=(
        r"^\[" + STAMP + r"\]\[(?P<level>[A-Z]+)\s*\]\[(?P<logger>[\w.$-]+)\s*\]"
        r"(?: ?\[(?P<node>[^\]]+)\])?",
    ),
)

FORMATS = (SPRING_BOOT, ELASTICSEARCH, ZOOKEEPER, KAFKA, HADOOP, LOG4J)
