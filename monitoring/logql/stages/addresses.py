"""ip("…"): addresses of a range, a network or one by one, in lines and labels."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_V4 = re.compile(r"(?<![\w.])\d{1,3}(?:\.\d{1,3}){3}(?![\w])", re.ASCII)
_V6 = re.compile(r"(?<![\w:.])[0-9a-fA-F]{0,4}(?::[0-9a-fA-F]{0,4}){2,7}(?![\w:])")


@dataclass(frozen=True, slots=True)
class Addresses:
    """All addresses from `first` to `last`, inclusive."""

    first: Address
    last: Address

    @classmethod
    def of(cls, text: str) -> Addresses:
        """Read `1.2.3.4`, `1.2.3.0/24` or `1.2.3.4-1.2.3.9`. Raises ValueError."""
        try:
            if "/" in text:
                network = ipaddress.ip_network(text, strict=False)
                return cls(network[0], network[-1])
            first, _, last = text.partition("-")
            ends = [ipaddress.ip_address(end.strip()) for end in (first, last or first)]
        except ValueError:
            raise ValueError(f"ip: invalid pattern: {text[:80]!r}") from None
        if ends[0].version != ends[1].version or int(ends[0]) > int(ends[1]):
            raise ValueError(f"ip: invalid range: {text[:80]!r}")
        return cls(*ends)

    def holds(self, text: str) -> bool:
        address = _address(text)
        return (
            address is not None
            and address.version == self.first.version
            and int(self.first) <= int(address) <= int(self.last)
        )

    def finder(self) -> Callable[[str], bool]:
        """Return what tells whether any address in a line is one of these."""
        candidates = _V4 if self.first.version == 4 else _V6  # noqa: PLR2004  # IPv4
        holds = lru_cache(maxsize=4096)(self.holds)
        return lambda line: any(holds(found) for found in candidates.findall(line))


def _address(text: str) -> Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


def is_address(text: str) -> bool:
    return _address(text) is not None
