"""GELF, as Docker, Graylog's libraries and Fluentd send it."""

from __future__ import annotations

from collections.abc import Sequence

from sources.services.kinds import listen_places, listening
from sources.services.kinds.base import Config, Snippet

_MESSAGE = '{"version":"1.1","host":"web1","short_message":"Hello, Vedette","level":6}'


def _how(config: Config) -> str:
    host, port = listen_places.host(config), config["port"]
    if listen_places.has_udp(config):
        return f"printf '{_MESSAGE}' | nc -u -w1 {host} {port}"
    if config["transport"] == "tls":
        return (
            f"printf '{_MESSAGE}\\0' | openssl s_client -quiet -connect {host}:{port}"
        )
    return f"printf '{_MESSAGE}\\0' | nc -w1 {host} {port}"


def _senders(config: Config) -> Sequence[Snippet]:
    place = f"{listen_places.host(config)}:{config['port']}"
    snippets = [Snippet("Try it from a shell", _how(config))]
    if config["transport"] != "tls":
        scheme = "udp" if listen_places.has_udp(config) else "tcp"
        docker = (
            "docker run --log-driver gelf \\\n"
            f"  --log-opt gelf-address={scheme}://{place} --log-opt tag='{{{{.Name}}}}' IMAGE"
        )
        snippets.append(Snippet("Docker", docker))
    logstash = (
        f'output {{ gelf {{ host => "{listen_places.host(config)}" port => {config["port"]}'
        f' protocol => "{"UDP" if listen_places.has_udp(config) else "TCP"}" }} }}'
    )
    return [*snippets, Snippet("Logstash", logstash)]


KIND = listening.kind_of(
    name="gelf",
    title="GELF",
    help_text="Takes Graylog's format, as Docker sends it, over UDP, TCP or TLS.",
    connector="sources.connectors.listen.gelf.Gelf",
    settings=listening.settings_of(12_201),
    how=_how,
    senders=_senders,
)
