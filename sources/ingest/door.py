"""What a protocol says about itself, so that the edge can serve it.

The edge authenticates, bounds, unpacks, commits and answers; a door knows its
addresses, how a body is read, and what its senders expect to be answered.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings

from monitoring.services.append import MAX_AHEAD
from monitoring.telemetry import LogBatch, SampleBatch, nanoseconds
from sources.ingest.bodies import ENCODINGS
from sources.ingest.credentials import basic, bearer
from sources.ingest.refusals import Answer, Headers, RefusedError
from sources.ingest.requests import PushRequest
from sources.ingest.senders import Sender
from sources.protocols import Terms
from sources.services.bindings import Binding


@dataclass(frozen=True, slots=True)
class Push:
    """One request that has been read, with all that is known of its sender.

    `body` is unpacked. Of a door that splits, it is one piece of what is sent.
    """

    request: PushRequest
    sender: Sender
    binding: Binding
    body: bytes
    received_at: datetime

    def log_terms(self) -> Terms:
        """Any time will do: a line of another age is kept under that of its arrival."""
        return Terms(
            nanoseconds(self.received_at),
            self.binding.labels,
            settings.INGEST_MAX_LINE_BYTES,
        )

    def sample_terms(self) -> Terms:
        """A sample outside what is kept would be dropped later: its sender should know."""
        kept = self.sender.keeps_samples_for
        return Terms(
            nanoseconds(self.received_at),
            self.binding.series_labels,
            earliest_ns=nanoseconds(self.received_at - kept),
            latest_ns=nanoseconds(self.received_at + MAX_AHEAD),
        )


@dataclass(frozen=True, slots=True)
class Taken:
    """What is stored of a push, in one transaction, and what is answered after it.

    `size` is the raw telemetry in bytes, `rejected` the number of records that came
    with it and are not taken. Without batches the answer is sent at once; `problem`
    then says at the source why nothing was taken.
    """

    answer: Answer
    batches: Sequence[LogBatch | SampleBatch] = ()
    size: int = 0
    rejected: int = 0
    problem: str = ""


def _plain_refusal(error: RefusedError, _headers: Headers) -> Answer:
    return error.answer()


def _announced_encoding(headers: Headers) -> str:
    return headers.get("content-encoding", "").strip().lower() or "identity"


def _always(_request: PushRequest) -> bool:
    return True


Credential = Callable[[Headers, Mapping[str, str]], str | None]


@dataclass(frozen=True, slots=True)
class Door:
    """One address that takes telemetry, in the manners of its protocol.

    `path` is the whole path, or a regular expression of it where `groups` are wanted
    of the request. A request that the door does not `serve`, or whose method is a
    read that it does not list, is Django's.

    `take` runs in a thread; it raises RefusedError, or MalformedBodyError for a 400.
    `refuse` puts whatever went wrong, here or on the way, in the protocol's words;
    it is given the request's headers. `credentials` are tried in their order.
    `parameters` names what the query string may hold; None allows anything. An `open`
    door asks for no token: it can only answer. `keyed` doors honour Idempotency-Key.
    What a `quick` one takes needs neither database nor network: its small bodies are
    read where requests are, which spares them a thread's turn.
    """

    path: str
    take: Callable[[Push], Taken]
    methods: frozenset[str] = frozenset({"POST"})
    refuse: Callable[[RefusedError, Headers], Answer] = _plain_refusal
    credentials: tuple[Credential, ...] = (bearer, basic)
    challenge: str = 'Bearer realm="api"'
    encodings: tuple[str, ...] = ENCODINGS
    encoding: Callable[[Headers], str] = _announced_encoding
    parameters: frozenset[str] | None = None
    serves: Callable[[PushRequest], bool] = _always
    open: bool = False
    keyed: bool = False
    quick: bool = False
    # Where a body may be cut: after how many of its bytes the last whole record ends
    # (0: none does). Such a body has no limit of its own and is stored as it comes.
    split: Callable[[bytes], int] | None = None
