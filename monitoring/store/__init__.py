"""The telemetry store: the only place that knows how samples and lines are kept.

`Store` is what the services above rely on. PostgreSQL keeps compressed blocks; another
engine would implement the same five verbs: append, select, read, count and delete.
"""
