"""Text: a delivery's bytes as UTF-8, in whatever encoding they are declared to be, compressed or not.

DuckDB reads only UTF-8 here, so everything else is written to the connection's spill folder, piece by piece, for as
long as it is read.
"""

from __future__ import annotations

import codecs
import gzip
import io
import unicodedata
import uuid
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, cast

import duckdb

from dx_pipeline.declarations.source import Encoding
from dx_pipeline.declarations.sql import sql_file
from dx_pipeline.errors import DeliveryRefusedError
from dx_pipeline.formats import limits, refusal
from dx_pipeline.vietnamese import legacy

GZIP_MAGIC = b"\x1f\x8b"
CODECS: dict[Encoding, str] = {
    "utf-8": "utf-8-sig",
    "utf-16": "utf-16",
    "windows-1258": "cp1258",
    "tcvn3": "latin-1",
    "vni": "latin-1",
}
PIECE_CHARACTERS = 1 << 20
LOOKED_AT_BYTES = 1 << 16


def is_compressed(path: Path) -> bool:
    """Whether the file is gzip, by its first bytes."""
    with path.open("rb") as handle:
        return handle.read(2) == GZIP_MAGIC


@contextmanager
def bytes_of(path: Path) -> Iterator[IO[bytes]]:
    """The plain bytes of a delivery: gzip is recognised by its first bytes, whatever is declared.

    Raises:
        DeliveryRefusedError: it is compressed and not whole.
    """
    if not is_compressed(path):
        with path.open("rb") as handle:
            yield handle
        return
    with gzip.open(path, "rb") as handle:
        try:
            yield cast("IO[bytes]", handle)
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise DeliveryRefusedError(
                "the compressed file is damaged or broken off; ask the sender to send it again.",
                "tệp nén bị hỏng hoặc bị cắt; hãy đề nghị nơi gửi gửi lại.",
            ) from error


def check(path: Path) -> None:
    """Refuse a text, compressed or not, that is too large, has too long a line, or is not whole.

    Raises:
        DeliveryRefusedError: it is.
    """
    with bytes_of(path) as handle:
        limits.check_text(handle, path.stat().st_size)


@contextmanager
def opened(path: Path, encoding: Encoding) -> Iterator[io.TextIOWrapper]:
    """A delivery as text, line ends as they are.

    Raises:
        DeliveryRefusedError: a byte that is read is not in the declared encoding, or see `bytes_of`.
    """
    with bytes_of(path) as handle:
        codec = CODECS[encoding]
        if encoding in legacy.NAMES and _is_utf8(path):
            codec = "utf-8-sig"  # legacy letters that another program has read as Western ones
        text = io.TextIOWrapper(handle, encoding=codec, newline="")
        try:
            yield text
        except UnicodeError as error:
            raise _not_in(encoding, error) from error
        finally:
            text.detach()


def _is_utf8(path: Path) -> bool:
    with bytes_of(path) as handle:
        start = handle.read(LOOKED_AT_BYTES)
    try:
        codecs.getincrementaldecoder("utf-8")().decode(start)
    except UnicodeDecodeError:
        return False
    return True


def _not_in(encoding: Encoding, error: UnicodeError) -> DeliveryRefusedError:
    at = error.start if isinstance(error, UnicodeDecodeError) else None
    where, where_vi = (f"byte {at} is", f"byte {at}") if at is not None else ("its bytes are", "các byte của tệp")
    if encoding != "utf-8":
        return DeliveryRefusedError(
            f"{where} not {encoding}; ask the sender for the encoding it was agreed to be in, or correct the layout.",
            f"{where_vi} không thuộc bảng mã {encoding}; hãy đề nghị nơi gửi dùng bảng mã đã thống nhất, hoặc sửa cách"
            " trình bày đã khai báo.",
        )
    if isinstance(error, UnicodeDecodeError) and error.object[:2] in {codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE}:
        return DeliveryRefusedError(
            "it is UTF-16, not UTF-8; declare 'encoding: utf-16' in its format, or ask the sender for UTF-8.",
            "tệp là UTF-16, không phải UTF-8; hãy khai báo 'encoding: utf-16' trong định dạng, hoặc đề nghị nơi gửi"
            " dùng UTF-8.",
        )
    return DeliveryRefusedError(
        f"{where} not UTF-8; {refusal.SAVE_AS_UTF8}.", f"{where_vi} không phải UTF-8; {refusal.SAVE_AS_UTF8_VI}."
    )


def in_unicode(text: str, encoding: Encoding) -> str:
    """Decoded text as Vietnamese in Unicode and NFC: legacy letters and combining marks are converted."""
    if encoding == "tcvn3" or encoding == "vni":  # noqa: PLR1714 - mypy narrows by ==, not by in
        return legacy.to_unicode(text, encoding)
    return unicodedata.normalize("NFC", text) if encoding == "windows-1258" else text


@contextmanager
def plain(connection: duckdb.DuckDBPyConnection, path: Path, encoding: Encoding) -> Iterator[Path]:
    """A file with the delivery's text in plain UTF-8, which may be the delivery itself.

    The connection also gets the macro `text_lines(path, most_bytes)`: the physical lines of such a file, of at most
    so many bytes each.

    Raises:
        DeliveryRefusedError: see `opened`.
    """
    connection.execute(sql_file(__file__, "text_lines"))
    if encoding == "utf-8" and not is_compressed(path):
        yield path
        return
    with private_file(connection) as private:
        if encoding == "utf-8":
            _unpack(path, private)
        else:
            _transcode(path, encoding, private)
        yield private


@contextmanager
def with_line_feeds(connection: duckdb.DuckDBPyConnection, path: Path) -> Iterator[Path]:
    r"""A copy of a text in which every line that ends with `\r\n` ends with `\n`."""
    with private_file(connection) as private:
        waiting = b""
        with path.open("rb") as source, private.open("wb") as target:
            while piece := source.read(PIECE_CHARACTERS):
                whole = waiting + piece
                waiting = b"\r" if whole.endswith(b"\r") else b""  # its line feed is in the next piece
                target.write(whole.removesuffix(waiting).replace(b"\r\n", b"\n"))
            target.write(waiting)
        yield private


@contextmanager
def private_file(connection: duckdb.DuckDBPyConnection) -> Iterator[Path]:
    """A file of our own in the connection's spill folder, for as long as the block lasts."""
    ((folder,),) = connection.execute("SELECT current_setting('temp_directory')").fetchall()
    private = Path(folder) / f"{uuid.uuid4().hex}.txt"
    private.parent.mkdir(parents=True, exist_ok=True)
    try:
        yield private
    finally:
        private.unlink(missing_ok=True)


def _unpack(path: Path, private: Path) -> None:
    """Unpack a file. Bytes that are no UTF-8 stay: a line with them is a bad row, not a bad file."""
    written, packed = 0, path.stat().st_size
    with bytes_of(path) as source, private.open("wb") as target:
        while piece := source.read(PIECE_CHARACTERS):
            written += target.write(piece)
            limits.check_expansion(written, packed)


def _transcode(path: Path, encoding: Encoding, private: Path) -> None:
    written, waiting, packed = 0, "", path.stat().st_size
    with (
        opened(path, encoding) as source,
        private.open("w", encoding="utf-8", newline="", errors="surrogatepass") as target,
    ):
        while piece := source.read(PIECE_CHARACTERS):
            # A letter and its marks must not be separated: what follows the last line end waits.
            whole, end, rest = (waiting + piece).rpartition("\n")
            if not end and len(rest) > PIECE_CHARACTERS:
                whole, rest = rest, ""
            waiting = rest
            written += target.write(in_unicode(whole + end, encoding))
            limits.check_expansion(written, packed)
        target.write(in_unicode(waiting, encoding))
