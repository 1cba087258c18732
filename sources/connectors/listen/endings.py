"""How to end a socket so that nothing is lost of what the system took in our name.

What the kernel has acknowledged its sender believes to be with us, though it may still
wait in the kernel. A socket that is closed while something waits there discards it. So
first the kernel is told to acknowledge no more, then what waits is read; senders keep
what they have no acknowledgement for.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import socket
import struct
import sys
import termios
from collections.abc import Iterator

# Of Linux's asm-generic/socket.h, and an instruction of the classic packet filter:
# BPF_RET with 0 drops the packet before TCP sees it.
_SO_ATTACH_FILTER = 26
_DROP = struct.pack("=HBBI", 0x06, 0, 0, 0)


class _Program(ctypes.Structure):
    """struct sock_fprog."""

    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_void_p))


def deafen(opened: socket.socket) -> None:
    """Let the kernel drop what comes from now on; where it cannot, go without."""
    if not sys.platform.startswith("linux"):
        return
    code = ctypes.create_string_buffer(_DROP, len(_DROP))
    program = _Program(1, ctypes.addressof(code))
    with contextlib.suppress(OSError):
        opened.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, bytes(program))


def unread(opened: socket.socket) -> int:
    """Return how many bytes the kernel has for us."""
    try:
        answer = fcntl.ioctl(opened.fileno(), termios.FIONREAD, bytes(4))
    except (OSError, ValueError):  # closed
        return 0
    return int.from_bytes(answer, sys.byteorder)


def waiting(opened: socket.socket) -> Iterator[socket.socket]:
    """Accept those who have connected already; closing the port would reset them."""
    with contextlib.suppress(OSError):
        while True:
            connection, _ = opened.accept()
            connection.settimeout(0)
            yield connection
