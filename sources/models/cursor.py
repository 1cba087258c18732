from __future__ import annotations

from typing import ClassVar

from django.db import models
from typing_extensions import override

from sources.models.source import Source


class Cursor(models.Model):
    """How far one file has been read; advanced in the commit that takes its lines.

    A file is known by device and inode, and by a hash of its first bytes, because an
    inode is reused after a rotation. The offset always stands behind a whole line.
    Two collectors can never both advance it: the update names the old offset.
    """

    source = models.ForeignKey(Source, on_delete=models.CASCADE, related_name="cursors")
    path = models.CharField(max_length=4096)
    device = models.BigIntegerField()
    inode = models.DecimalField(max_digits=20, decimal_places=0)
    head_length = models.IntegerField(help_text="How many first bytes are hashed.")
    head_hash = models.CharField(max_length=64)
    offset = models.BigIntegerField(default=0)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects: ClassVar[models.Manager[Cursor]] = models.Manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["source", "device", "inode", "head_hash", "head_length"],
                name="sources_cursor_unique_file",
            )
        ]

    @override
    def __str__(self) -> str:
        return f"{self.path}@{self.offset}"
