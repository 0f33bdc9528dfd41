"""Reading one segment of the spool: forward in large pieces, damage set aside record by record."""

import os
from pathlib import Path
from typing import Final

from gateway.adapters.delivery.spool_records import (
    HEAD_BYTES,
    Gap,
    Head,
    decode,
    decode_head,
    heads,
    last_head,
    next_head,
)
from gateway.frames import Frame
from gateway.ports import PIECE_BYTES

MAX_NAMED_ROWS: Final = 1_000
"""A longer stretch of lost rows is reported as one."""
MAX_MARKS: Final = 64

Found = tuple[int, Frame, str]
"""(offset behind the record, frame, damage)."""


class SegmentReader:
    """One segment, read by one thread while another process may still write it.

    ``sealed``: a later segment exists, so nothing will be added to this one.
    """

    def __init__(self, file: Path, mark: bytes) -> None:
        self._name = file.name
        self._mark = mark
        self._descriptor = os.open(file, os.O_RDONLY)
        self._row_at = {0: 0}
        """Rows that end at this offset: where reading and counting stand."""
        self._tail = (0, 0)

    def close(self) -> None:
        os.close(self._descriptor)

    def read(self, offset: int, limit: int, *, sealed: bool, most_bytes: int = PIECE_BYTES) -> list[Found]:
        """Up to ``limit`` records behind ``offset``, within ``most_bytes`` or a single one that is larger.

        Damaged ones are named one by one.
        """
        data = self._piece(offset, most_bytes)
        found: list[Found] = []
        at, row, view = 0, 0, memoryview(data)
        while len(found) < limit and at < len(data):
            head = decode_head(data, at, offset + at, self._mark)
            if head is None or head.end > offset + len(data):
                break
            frame, whole = decode(view, at, head)
            found.append((head.end, frame, "" if whole else "checksum does not match"))
            at, row = head.end - offset, head.row
        if found:
            self._mark_row(offset + at, row)
            return found
        return self._behind_damage(offset, sealed=sealed) if data else []

    def _piece(self, offset: int, most_bytes: int) -> bytes:
        """Many records, or a single one that is larger than that."""
        data = os.pread(self._descriptor, most_bytes, offset)
        head = decode_head(data, 0, offset, self._mark)
        if head is not None and head.end > offset + most_bytes:
            return os.pread(self._descriptor, head.end - offset, offset)
        return data

    def rows_beyond(self, offset: int, *, sealed: bool) -> int:
        """How many records lie behind ``offset``, lost ones included."""
        end, row = self._count_to_end()
        size = os.fstat(self._descriptor).st_size
        torn = 1 if sealed and max(end, offset) < size else 0
        return max(0, row - self._row_before(offset)) + torn

    def _count_to_end(self) -> tuple[int, int]:
        """(offset behind the last whole record, its row)."""
        end, row = self._tail
        last = last_head(self._descriptor, end, self._mark)
        # Damage at the end may hide the last head from a search: then every record is looked at.
        for head in (last,) if last is not None else heads(self._descriptor, end, self._mark):
            if isinstance(head, Head):
                end, row = head.end, head.row
        self._tail = end, row
        self._mark_row(end, row)
        return end, row

    def _mark_row(self, offset: int, row: int) -> None:
        """Reading and counting come back to where they stood lately; else they would count from the start."""
        self._row_at[offset] = row
        if len(self._row_at) > MAX_MARKS:
            self._row_at = dict(list(self._row_at.items())[MAX_MARKS // 2 :])

    def _row_before(self, offset: int) -> int:
        """The row that ends at ``offset``, or the last one before it."""
        if offset not in self._row_at:
            row = 0
            for head in heads(self._descriptor, 0, self._mark):
                if isinstance(head, Gap):
                    row = head.row - 1 if head.end <= offset else row
                elif head.end <= offset:
                    row = head.row
                else:
                    break
            self._mark_row(offset, row)
        return self._row_at[offset]

    def _behind_damage(self, offset: int, *, sealed: bool) -> list[Found]:
        """No sound record begins at ``offset``: name what is lost up to the next one."""
        size = os.fstat(self._descriptor).st_size
        head = decode_head(os.pread(self._descriptor, HEAD_BYTES, offset), 0, offset, self._mark)
        later = next_head(self._descriptor, offset, self._mark) if head is None else None
        if later is None:
            # Still being written, or torn off when its writer died.
            return (
                [self._lost(size, f"{size - offset} bytes at the end are no whole record")] if sealed else []
            )
        first, lost = self._row_before(offset) + 1, later.row - self._row_before(offset) - 1
        self._mark_row(later.start, later.row - 1)
        if not 0 < lost <= MAX_NAMED_ROWS:
            return [self._lost(later.start, f"{lost} rows from {first} cannot be read")]
        return [
            self._lost(later.start - later.row + 1 + row, f"row {row} cannot be read")
            for row in range(first, later.row)
        ]

    def _lost(self, end: int, what: str) -> Found:
        return end, Frame("", b"", 0, ""), f"segment {self._name}: {what}"
