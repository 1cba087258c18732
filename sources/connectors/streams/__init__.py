"""Streams: connections that go out and stay open, each in a thread of its own.

A feed connects, reads and connects again; a `Streaming` connector stores what it
brought. The position of a stream, from where the server goes on sending, moves in the
transaction that stores what came before it.
"""
