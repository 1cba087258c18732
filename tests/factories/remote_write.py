"""Bodies of remote write, written byte by byte as Prometheus's own marshaller does."""

from __future__ import annotations

import struct

import cramjam

STALE = 0x7FF0000000000002


def varint(number):
    encoded = bytearray()
    number &= 2**64 - 1
    while number > 127:
        encoded.append(number & 127 | 128)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)


def nested(field, content):
    return varint(field << 3 | 2) + varint(len(content)) + content


def as_bytes(text):
    return text if isinstance(text, bytes) else text.encode()


def scalar(field, number):
    return varint(field << 3) + varint(number) if number else b""


def double(field, value):
    """Go leaves out what is zero; `value` may be the bits of a float."""
    bits = struct.pack("<Q", value) if isinstance(value, int) else b""
    packed = bits or struct.pack("<d", value)
    return varint(field << 3 | 1) + packed if packed != bytes(8) else b""


def label(name, value):
    return nested(1, as_bytes(name)) + (nested(2, as_bytes(value)) if value else b"")


def sample(value, ts_ms):
    return double(1, value) + scalar(2, ts_ms)


def series(labels, samples=(), *, exemplars=(), histograms=()):
    pairs = labels.items() if isinstance(labels, dict) else labels
    return b"".join(
        [
            *(nested(1, label(*pair)) for pair in pairs),
            *(nested(2, sample(*one)) for one in samples),
            *(
                nested(
                    3,
                    b"".join(nested(1, label(*pair)) for pair in own.items())
                    + double(2, value)
                    + scalar(3, ts_ms),
                )
                for own, value, ts_ms in exemplars
            ),
            *(nested(4, one) for one in histograms),
        ]
    )


def metadata(kind, family, text="", unit=""):
    return (
        scalar(1, kind)
        + nested(2, family.encode())
        + (nested(4, text.encode()) if text else b"")
        + (nested(5, unit.encode()) if unit else b"")
    )


def request(*all_series, about=()):
    parts = [nested(1, one) for one in all_series]
    return b"".join(parts + [nested(3, one) for one in about])


class Request2:
    """A 2.0 request, whose table of symbols grows with what is added."""

    def __init__(self):
        self.symbols = [b""]
        self.series = []

    def ref(self, text):
        text = as_bytes(text)
        if text not in self.symbols:
            self.symbols.append(text)
        return self.symbols.index(text)

    def refs(self, pairs):
        return [self.ref(text) for pair in pairs for text in pair]

    def add(
        self, labels, samples=(), *, exemplars=(), about=None, refs=None, histograms=()
    ):
        pairs = labels.items() if isinstance(labels, dict) else labels
        refs = self.refs(pairs) if refs is None else refs
        parts = [nested(1, b"".join(map(varint, refs)))]
        parts += [nested(2, sample(*one)) for one in samples]
        parts += [nested(3, one) for one in histograms]
        for own, value, ts_ms in exemplars:
            numbers = b"".join(map(varint, self.refs(own.items())))
            parts.append(
                nested(4, nested(1, numbers) + double(2, value) + scalar(3, ts_ms))
            )
        if about is not None:
            kind, text, unit = about
            said = (
                scalar(1, kind) + scalar(3, self.ref(text)) + scalar(4, self.ref(unit))
            )
            parts.append(nested(5, said))
        self.series.append(b"".join(parts))
        return self

    def body(self):
        return b"".join(nested(4, symbol) for symbol in self.symbols) + b"".join(
            nested(5, one) for one in self.series
        )


def snappy(body):
    return bytes(cramjam.snappy.compress_raw(body))
