"""What systemd-journal-upload sends: one long body, stored entry by entry."""

from __future__ import annotations

from sources.ingest.door import Door, Push, Taken
from sources.ingest.refusals import Answer, Headers, RefusedError
from sources.protocols import journal_upload

_EXPORT = "application/vnd.fdo.journal"


def _take(push: Push) -> Taken:
    said = push.request.headers.get("content-type", "").partition(";")[0].strip()
    if said != _EXPORT:
        raise RefusedError(
            415,
            "unsupported_media_type",
            f"Content-Type {said[:60]!r} is not supported: use {_EXPORT}.",
        )
    decoded, fault = journal_upload.decode(push.body, push.log_terms())
    rejected = len(decoded.rejected)
    told = fault
    if rejected and not fault:
        told = f"entry {decoded.rejected[0].index}: {decoded.rejected[0].error}"
    return Taken(
        _answer(rejected, told, broken=bool(fault)),
        (decoded.batch,),
        decoded.size,
        rejected,
        told,
    )


def _answer(rejected: int, told: str, *, broken: bool) -> Answer:
    """In the words of systemd-journal-remote.

    The uploader stops for good at a refusal: one line too long is none.
    """
    if broken:
        return Answer.text(400, f"The entries before are taken; {told}\n")
    return Answer.text(
        202, f"OK, but {rejected} not; {told}\n" if rejected else "OK.\n"
    )


def _refuse(error: RefusedError, _headers: Headers) -> Answer:
    return Answer.text(error.status, f"{error.detail}\n", error.headers)


DOORS = (
    Door("/upload", _take, refuse=_refuse, split=journal_upload.last_end),
    Door("/journald/upload", _take, refuse=_refuse, split=journal_upload.last_end),
)
