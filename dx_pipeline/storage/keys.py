"""Keys of the rows of one table: whether any of them is there twice, found out while the rows go by."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

WORD_BYTES = 8


class Keys:
    """Fingerprints of texts, 8 bytes each.

    DuckDB's `hash` is none: texts of more than 12 bytes that differ in few places often have one hash.

    Args:
        most: how many texts there are at most.
    """

    def __init__(self, most: int) -> None:
        self._found = np.empty(most, dtype=np.uint64)
        self._count = 0
        self._has_null = False

    def add(self, texts: pa.ChunkedArray) -> None:
        """Add texts. Where one is NULL, it is not known whether the keys are unique."""
        if texts.null_count:
            self._has_null = True
            return
        for chunk in texts.chunks:
            self._found[self._count : self._count + len(chunk)] = fingerprints(chunk)
            self._count += len(chunk)

    def are_unique(self) -> bool:
        """Whether no two of all texts are equal. It may be False of texts that all differ: once in a million files."""
        if self._has_null:
            return False
        found = self._found[: self._count]
        found.sort()
        return not bool((found[1:] == found[:-1]).any())


def fingerprints(texts: pa.StringArray) -> np.ndarray:
    """A number for each text, which equal texts share, and others practically never do."""
    import pandas as pd  # it takes long to import, and a night with nothing new needs none of it

    offsets = np.frombuffer(texts.buffers()[1], dtype=np.int32)[texts.offset : texts.offset + len(texts) + 1]
    letters = np.frombuffer(texts.buffers()[2] or b"", dtype=np.uint8)
    lengths = np.diff(offsets)
    found = np.empty(len(texts), dtype=np.uint64)
    for length in np.unique(lengths):
        places = np.flatnonzero(lengths == length)
        words = np.zeros((len(places), (length // WORD_BYTES + 1) * WORD_BYTES), dtype=np.uint8)
        if len(places) == len(texts):  # the usual case: codes of one length, one behind the other
            words[:, :length] = letters[offsets[0] : offsets[-1]].reshape(len(texts), length)
        else:
            words[:, :length] = letters[offsets[places][:, None] + np.arange(length)]
        mixed = np.full(len(places), length, dtype=np.uint64)
        for word in words.view(np.uint64).T:
            mixed = pd.util.hash_array(mixed ^ word)
        found[places] = mixed
    return found
