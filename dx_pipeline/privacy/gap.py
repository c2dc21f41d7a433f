"""Bytes of a document that belong to none of its parts: no reader shows them, so nobody can say what they are.

A document that has any is written anew from its parts. A document without any may stay byte for byte.
"""

from __future__ import annotations

import struct
import zipfile
import zlib
from pathlib import Path
from typing import IO

import pyarrow.parquet as pq

LOCAL_HEADER = struct.Struct("<4s5HIIIHH")
"""Of a part of a ZIP archive (APPNOTE 4.3.7): signature, 5 fields, CRC, sizes, lengths of the name and of the rest."""

DESCRIPTOR = struct.Struct("<III")
DESCRIPTOR_MARK = b"PK\x07\x08"
HAS_DESCRIPTOR = 8
END_BYTES = 22
"""The end of a ZIP archive without a comment."""

ENTRY_BYTES = 46
GROWTH_HINT = b"\x20\xa2"
"""The extra field by which Excel leaves room for a part to grow (ECMA-376-2, C.7): filled with zeros."""

ZIP64 = b"\x01\x00"
PIECE_BYTES = 1 << 20
PARQUET_MARK = b"PAR1"
FOOTER_END_BYTES = 8


def has_archive_gaps(path: Path, book: zipfile.ZipFile) -> bool:
    """Whether a ZIP archive has bytes that are no part of it, no header and no directory, or extra fields with content.

    Raises:
        zlib.error, OSError: it is damaged.
    """
    with path.open("rb") as file:
        end = 0
        for part in sorted(book.infolist(), key=lambda part: part.header_offset):
            if part.header_offset != end:
                return True
            file.seek(end)
            ends = _end_of_part(file, part)
            if ends is None:
                return True
            end = ends
    entries = sum(ENTRY_BYTES + len(part.orig_filename.encode(_codec(part))) for part in book.infolist())
    extras = sum(len(part.extra) for part in book.infolist())
    if any(not _is_plain(part.extra) for part in book.infolist()):
        return True
    return end != book.start_dir or end + entries + extras + END_BYTES != path.stat().st_size


def _codec(part: zipfile.ZipInfo) -> str:
    """The encoding of a part's name (APPNOTE, appendix D)."""
    return "utf-8" if part.flag_bits & 0x800 else "cp437"


def _end_of_part(file: IO[bytes], part: zipfile.ZipInfo) -> int | None:
    """Where a part that begins at the place of a file ends; None if it has bytes that are not its content."""
    header = file.read(LOCAL_HEADER.size)
    if len(header) < LOCAL_HEADER.size:
        return None
    *_, name_bytes, extra_bytes = LOCAL_HEADER.unpack(header)
    file.seek(name_bytes, 1)
    if not _is_plain(file.read(extra_bytes)) or not _is_content(file, part):
        return None
    if part.flag_bits & HAS_DESCRIPTOR:
        start = file.tell()
        has_mark = file.read(len(DESCRIPTOR_MARK)) == DESCRIPTOR_MARK
        file.seek(start + len(DESCRIPTOR_MARK) * has_mark)
        if file.read(DESCRIPTOR.size) != DESCRIPTOR.pack(part.CRC, part.compress_size, part.file_size):
            return None
    return file.tell()


def _is_plain(extra: bytes) -> bool:
    """Whether extra fields say nothing but sizes: those of ZIP64, and room to grow."""
    while extra:
        kind, content = extra[:2], extra[4 : 4 + int.from_bytes(extra[2:4], "little")]
        if len(extra) < 4 + len(content) or not (kind == ZIP64 or (kind == GROWTH_HINT and not any(content[4:]))):
            return False
        extra = extra[4 + len(content) :]
    return True


def _is_content(file: IO[bytes], part: zipfile.ZipInfo) -> bool:
    """Whether the packed bytes of a part are its content and nothing else. The file is read to their end."""
    if part.compress_type != zipfile.ZIP_DEFLATED:
        file.seek(part.compress_size, 1)
        return part.compress_type == zipfile.ZIP_STORED and part.compress_size == part.file_size
    left, unpacking = part.compress_size, zlib.decompressobj(-zlib.MAX_WBITS)
    while left and not unpacking.eof:
        packed = file.read(min(left, PIECE_BYTES))
        left -= len(packed)
        while packed and not unpacking.eof:
            unpacking.decompress(packed, PIECE_BYTES)
            packed = unpacking.unconsumed_tail
    file.seek(left, 1)
    return not left and unpacking.eof and not unpacking.unused_data


def has_parquet_gaps(path: Path, about: pq.FileMetaData) -> bool:
    """Whether a Parquet file has bytes beside its columns and its footer, indexes and Bloom filters among them."""
    chunks = []
    for group in range(about.num_row_groups):
        for column in (about.row_group(group).column(each) for each in range(about.num_columns)):
            start = min(each for each in (column.dictionary_page_offset, column.data_page_offset) if each)
            chunks.append((start, start + column.total_compressed_size))
    end = len(PARQUET_MARK)
    for start, stop in sorted(chunks):
        if start != end:
            return True
        end = stop
    with path.open("rb") as file:
        file.seek(-FOOTER_END_BYTES, 2)
        footer_bytes = int.from_bytes(file.read(4), "little")
    return end + footer_bytes + FOOTER_END_BYTES != path.stat().st_size
