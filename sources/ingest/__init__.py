"""The ingest edge: plain ASGI ahead of Django's middleware."""

from sources.ingest.application import IngestEdge

__all__ = ["IngestEdge"]
