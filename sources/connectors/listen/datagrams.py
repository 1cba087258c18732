"""Datagrams, many with each call: one by one, Python would lose them at 100,000 a second."""

from __future__ import annotations

import ctypes
import select
import socket
import struct
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from sources.connectors.listen.held import Held, Losses
from sources.connectors.listen.places import Senders

LOST = "datagrams lost: they came faster than they could be stored"
STRANGERS = "datagrams refused: their senders are in none of the allowed networks"

_AT_ONCE = 512
_SLOT = 65_536  # no datagram is longer
_NAME = 28  # of sockaddr_in6, the longer one
# Datagrams gather meanwhile, so that each call brings many.
_REST_SECONDS = 0.002

# SO_MEMINFO of Linux: nine 32-bit numbers, the last is how many the socket dropped.
_SO_MEMINFO = 55
_MEMINFO = struct.Struct("=9I")

# struct mmsghdr where pointers have 64 bits.
_HEADER = np.dtype(
    {
        "names": ["name", "name_len", "iov", "iov_len", "len"],
        "formats": ["u8", "u4", "u8", "u8", "u4"],
        "offsets": [0, 8, 16, 24, 56],
        "itemsize": 64,
    }
)
_IOV = np.dtype([("base", "u8"), ("len", "u8")])

Read = tuple[list[bytes], list[str]]


def _recvmmsg() -> Any:
    """Return the system's call, None where there is none that we know."""
    if not sys.platform.startswith("linux") or sys.maxsize < 2**32:
        return None
    return getattr(ctypes.CDLL(None, use_errno=True), "recvmmsg", None)


class ManyAtOnce:
    """Reads up to 512 datagrams with one call, and the lock of Python once."""

    def __init__(self, opened: socket.socket, senders: Senders) -> None:
        self._call = _recvmmsg()
        self._fd = opened.fileno()
        self._senders = senders
        is_v6 = opened.family == socket.AF_INET6
        self._from, self._to = (8, 24) if is_v6 else (4, 8)
        # Memory that is never touched is never taken.
        self._data = np.empty(_AT_ONCE * _SLOT, np.uint8)
        self._names = np.zeros((_AT_ONCE, _NAME), np.uint8)
        self._iov = np.zeros(_AT_ONCE, _IOV)
        self._iov["base"] = self._data.ctypes.data + np.arange(_AT_ONCE) * _SLOT
        self._iov["len"] = _SLOT
        self._headers = np.zeros(_AT_ONCE, _HEADER)
        self._headers["name"] = self._names.ctypes.data + np.arange(_AT_ONCE) * _NAME
        self._headers["iov"] = (
            self._iov.ctypes.data + np.arange(_AT_ONCE) * _IOV.itemsize
        )
        self._headers["iov_len"] = 1
        self._view = memoryview(self._data)  # type: ignore[arg-type]  # it is a buffer

    def read(self) -> Read:
        """Return what is there now, at most 512 datagrams."""
        self._headers["name_len"] = _NAME
        count = self._call(
            self._fd,
            ctypes.c_void_p(self._headers.ctypes.data),
            _AT_ONCE,
            socket.MSG_DONTWAIT,
            None,
        )
        if count <= 0:
            return [], []
        view, name = self._view, self._senders.name
        lengths = self._headers["len"][:count].tolist()
        messages = [
            bytes(view[start : start + length])
            for start, length in zip(
                range(0, count * _SLOT, _SLOT), lengths, strict=True
            )
        ]
        width = self._to - self._from
        packed = self._names[:count, self._from : self._to].tobytes()
        names = [name(packed[i : i + width]) for i in range(0, len(packed), width)]
        return messages, names


class OneByOne:
    """Reads datagrams where the system has no call for many."""

    def __init__(self, opened: socket.socket, senders: Senders) -> None:
        self._socket, self._senders = opened, senders

    def read(self) -> Read:
        messages: list[bytes] = []
        names: list[str] = []
        while len(messages) < _AT_ONCE:
            try:
                message, address = self._socket.recvfrom(_SLOT)
            except OSError:  # nothing more, or what an earlier answer of ours met
                break
            messages.append(message)
            names.append(self._senders.name(address[0]))
        return messages, names


class Datagrams:
    """Reads a UDP port in a thread of its own, so that nothing holds it up."""

    def __init__(
        self,
        opened: socket.socket,
        senders: Senders,
        held: Held,
        losses: Losses,
        *,
        reader: Callable[[socket.socket, Senders], ManyAtOnce | OneByOne] | None = None,
    ) -> None:
        self._socket, self._held, self._losses = opened, held, losses
        make = reader or (ManyAtOnce if _recvmmsg() else OneByOne)
        self._reader = make(opened, senders)
        self._ending, self._end = socket.socketpair()
        self._dropped = 0
        self._thread = threading.Thread(
            target=self._run, name=f"udp-{opened.getsockname()[1]}", daemon=True
        )
        self._thread.start()

    def close(self) -> None:
        """Take what has come already, and let go of the port."""
        self._end.send(b"x")
        self._thread.join()
        for one in (self._socket, self._ending, self._end):
            one.close()

    def look_at_losses(self) -> None:
        """Count what the kernel had no room for since the last look."""
        try:
            info = self._socket.getsockopt(
                socket.SOL_SOCKET, _SO_MEMINFO, _MEMINFO.size
            )
            dropped = _MEMINFO.unpack(info)[-1]
        except (OSError, struct.error):
            return  # not on this system
        self._losses.note(LOST, dropped - self._dropped)
        self._dropped = dropped

    def _run(self) -> None:
        poll = select.poll()
        poll.register(self._socket, select.POLLIN)
        poll.register(self._ending, select.POLLIN)
        while True:
            ready = {fd for fd, _ in poll.poll()}
            while self._take():
                pass
            if self._ending.fileno() in ready:
                return
            time.sleep(_REST_SECONDS)

    def _take(self) -> bool:
        """Return whether there may be more."""
        messages, names = self._reader.read()
        count = len(messages)
        if "" in names:
            kept = [(m, n) for m, n in zip(messages, names, strict=True) if n]
            self._losses.note(STRANGERS, count - len(kept))
            messages, names = [m for m, _ in kept], [n for _, n in kept]
        if self._held.is_full:
            self._losses.note(LOST, len(messages))
        elif messages:
            self._held.add(messages, names, is_datagram=True)
        return count == _AT_ONCE
