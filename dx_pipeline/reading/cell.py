"""Cells of one column of delimited text: each distinct text is filtered and typed once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from re import compile as compiled
from typing import ClassVar

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dx_pipeline.declarations.contract import Contract, arrow_schema
from dx_pipeline.declarations.source import Layout
from dx_pipeline.declarations.sql import literal, violations
from dx_pipeline.privacy.column import ColumnFilter
from dx_pipeline.reading import values
from dx_pipeline.vietnamese import legacy

MOST_KNOWN = 200_000
"""How many texts of a column are remembered."""

PRINTABLE = ord("!"), ord("~")
"""The first and the last sign of ASCII that is neither a blank nor a control character."""

LEGACY = compiled("|".join(legacy.SIGNS.values()))
NEW = "new_cells"

Checked = tuple[pa.Array | None, np.ndarray | None]
"""The value of each cell, and whether it is canonical; None where all are."""


class NotScannedError(Exception):
    """A delivery has to be read line by line, because what it is can be seen only in all of its lines."""


def is_code(name: str, contract: Contract, layout: Layout, privacy: ColumnFilter) -> bool:
    """Whether a column has codes of one shape, nearly all of them different: to remember them would be in vain."""
    column, placement = contract.columns[name], layout.columns[name]
    is_plain = column.references is None and column.allowed is None and placement.values is None
    is_filtered = any(rule.header == placement.header for rule in layout.filters)
    is_whole = column.pattern is not None and privacy.shape == f"(?:{column.pattern[1:-1]})"
    return name in contract.key and column.type == "text" and is_plain and is_whole and not is_filtered


class CodeColumn:
    """A column of codes: all cells of a block are checked together, by the shape that contract and filter share."""

    arrow_type: ClassVar[pa.DataType] = pa.binary()

    def __init__(self, name: str, privacy: ColumnFilter, quote: str) -> None:
        self.name: str | None = name
        self._shape, self._quote = f"^{privacy.shape}$", quote

    def checked(self, cells: pa.Array) -> Checked:
        """The codes of a block, and which of them are canonical."""
        is_canonical = pc.match_substring_regex(cells, self._shape).to_numpy(zero_copy_only=False)
        is_printable = self._is_printable(cells)
        if is_printable and is_canonical.all():  # all of it is ASCII, and need not be decoded to know that
            return pa.Array.from_buffers(pa.string(), len(cells), cells.buffers(), offset=cells.offset), None
        if not is_printable:
            strange = pc.match_substring_regex(cells, rf"[^!-~]|\x{ord(self._quote):02x}")
            is_canonical &= ~strange.to_numpy(zero_copy_only=False)
        plain = pc.if_else(pa.array(is_canonical), cells, pa.scalar(None, cells.type))
        return plain.cast(pa.string()), is_canonical

    def _is_printable(self, cells: pa.Array) -> bool:
        """Whether no cell has a blank, a control character, a quotation mark, or anything beyond ASCII."""
        offsets = np.frombuffer(cells.buffers()[1], dtype=np.int32)[cells.offset : cells.offset + len(cells) + 1]
        text = np.frombuffer(cells.buffers()[2] or b"", dtype=np.uint8)[offsets[0] : offsets[-1]]
        if not len(text):
            return True
        lowest, highest = PRINTABLE
        return bool(text.min() >= lowest and text.max() <= highest and not (text == ord(self._quote)).any())


class CellColumn:
    """A column whose texts repeat: each one is checked when it is seen for the first time.

    Args:
        connection: has the reference tables of the contract.
        heading: of the column.
        name: of the contract's column that is under it; None where the layout ignores it.
        layout: of the delivery.
        contract: of the table that it fills.
        privacy: what may stay in the column.
        quote: the quotation mark of the layout: a cell with one is not canonical.
    """

    arrow_type: ClassVar[pa.DataType] = pa.dictionary(pa.int32(), pa.binary())

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        heading: str,
        name: str | None,
        layout: Layout,
        contract: Contract,
        privacy: ColumnFilter,
        quote: str,
    ) -> None:
        self.name = name
        self._connection, self._privacy, self._quote = connection, privacy, quote
        self._statement = _check_statement(heading, name, layout, contract)
        self._type = _type_of(name, contract) if name is not None else pa.null()
        self._forget()

    def _forget(self) -> None:
        self._known: dict[bytes, int] = {}
        self._values: list[pa.Array] = [pa.array([], self._type)]
        self._canonical = np.zeros(0, dtype=bool)

    def checked(self, cells: pa.DictionaryArray) -> Checked:
        """The values of a block of cells, and which of them are canonical."""
        if len(self._known) > MOST_KNOWN:
            self._forget()
        texts: list[bytes] = cells.dictionary.to_pylist()
        if new := [text for text in texts if text not in self._known]:
            self._learn(new)
        places = np.fromiter((self._known[text] for text in texts), dtype=np.int64, count=len(texts))
        is_canonical = self._canonical[places]
        typed = self._all().take(pa.array(places)).take(cells.indices) if self.name is not None else None
        return typed, None if is_canonical.all() else is_canonical[cells.indices.to_numpy()]

    def _all(self) -> pa.Array:
        if len(self._values) > 1:
            self._values = [pa.concat_arrays(self._values)]
        return self._values[0]

    def _learn(self, new: Sequence[bytes]) -> None:
        """Check texts as the privacy filter and the reading of any line do."""
        plain = [self._plain(text) for text in new]
        texts = pa.table(
            {"cell position": np.arange(len(new)), "cell": pa.array([text or None for text in plain], pa.string())}
        )
        self._connection.register(NEW, texts)
        typed = self._connection.sql(self._statement).to_arrow_table()
        self._connection.unregister(NEW)
        fits = typed.column("fits").to_numpy()
        is_canonical = np.fromiter((text is not None for text in plain), dtype=bool, count=len(plain)) & fits
        self._known.update(zip(new, range(len(self._canonical), len(self._canonical) + len(new)), strict=True))
        self._canonical = np.concatenate([self._canonical, is_canonical])
        self._values.append(typed.column("value").combine_chunks().cast(self._type))

    def _plain(self, cell: bytes) -> str | None:
        """The text of a cell that the privacy filter leaves as it is; None of any other.

        Raises:
            NotScannedError: it has signs of a legacy encoding, which is found out over all lines.
        """
        text = cell.decode()
        if self._quote in text:
            return None
        if not text.isascii() and LEGACY.search(text):
            raise NotScannedError
        found: Counter[str] = Counter()
        return text if self._privacy.cell(text, found) == text and not found else None


def _type_of(name: str, contract: Contract) -> pa.DataType:
    return arrow_schema(contract, {name: contract.columns[name]}).field(name).type


def _check_statement(heading: str, name: str | None, layout: Layout, contract: Contract) -> str:
    """The statement that types new cells: the value of each, and whether it can be read, and breaks no rule."""
    place, cell, text = '"cell position"', "cell", '"cell text"'
    fits = [
        f"NOT coalesce(regexp_matches({text}, {literal(rule.matches)}), false)"
        for rule in layout.filters
        if rule.header == heading
    ]
    if name is None:
        value, is_words, typed = "NULL", True, "NULL"
    else:
        column, placement = contract.columns[name], layout.columns[name]
        is_words = column.type == "text" and placement.values is None
        value, typed = f'"{name}"', values.value(text, column, placement)
        fits.append(f"({text} IS NULL OR {value} IS NOT NULL)")
        fits += [f"NOT coalesce({condition}, false)" for condition, _ in violations(name, column)]
    return f"""
        SELECT {value} AS value, {" AND ".join(fits) or "true"} AS fits
        FROM (
            SELECT *, {typed} AS {value if name is not None else '"no value"'}
            FROM (SELECT {place}, {values.clean(cell, is_words=is_words)} AS {text} FROM {NEW})
        )
        ORDER BY {place}
        """
