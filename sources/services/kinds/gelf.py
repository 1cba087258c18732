"""GELF, as Docker, Graylog's libraries and Fluentd send it."""

from __future__ import annotations

from collections.abc import Sequence

from sources.services.kinds import listening
from sources.services.kinds.base import Config, Group, Kind, Snippet

_CONNECTOR = "sources.connectors.listen.gelf.Gelf"
_MESSAGE = '{"version":"1.1","host":"web1","short_message":"Hello, Vedette","level":6}'


def _how(config: Config) -> str:
    host, port = listening.host(config), config["port"]
    if listening.has_udp(config):
        return f"printf '{_MESSAGE}' | nc -u -w1 {host} {port}"
    if config["transport"] == "tls":
        return (
            f"printf '{_MESSAGE}\\0' | openssl s_client -quiet -connect {host}:{port}"
        )
    return f"printf '{_MESSAGE}\\0' | nc -w1 {host} {port}"


def _senders(config: Config) -> Sequence[Snippet]:
    place = f"{listening.host(config)}:{config['port']}"
    snippets = [Snippet("Try it from a shell", _how(config))]
    if config["transport"] != "tls":
        scheme = "udp" if listening.has_udp(config) else "tcp"
        docker = (
            "docker run --log-driver gelf \\\n"
            f"  --log-opt gelf-address={scheme}://{place} --log-opt tag='{{{{.Name}}}}' IMAGE"
        )
        snippets.append(Snippet("Docker", docker))
    logstash = (
        f'output {{ gelf {{ host => "{listening.host(config)}" port => {config["port"]}'
        f' protocol => "{"UDP" if listening.has_udp(config) else "TCP"}" }} }}'
    )
    return [*snippets, Snippet("Logstash", logstash)]


KIND = Kind(
    name="gelf",
    title="GELF",
    help="Takes Graylog's format, as Docker sends it, over UDP, TCP or TLS.",
    icon="logs",
    group=Group.PUSHED,
    has_lines=True,
    connector=_CONNECTOR,
    test=listening.test_of("gelf", _CONNECTOR, _how),
    newest_lines=listening.newest_of("gelf", _CONNECTOR, _how),
    where=listening.where,
    settings=listening.settings_of(12_201),
    check=listening.together,
    senders=_senders,
)
