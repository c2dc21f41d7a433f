"""Errors of the engines, recognised by what they say or are called: no engine is imported for that."""

from __future__ import annotations

INTERRUPTED = "Query interrupted"
"""What DuckDB says when the process is stopped while a query runs."""

OUT_OF_MEMORY = {"OutOfMemoryException", "MemoryError", "ArrowMemoryError"}
"""How DuckDB, Python and Arrow call it."""

TOO_LITTLE_MEMORY = (
    "thiếu bộ nhớ: hãy tăng DX_MEMORY_LIMIT hoặc giảm DX_THREADS, rồi chạy lại",
    "too little memory: raise DX_MEMORY_LIMIT or lower DX_THREADS, then run again",
)


def is_stop(error: BaseException) -> bool:
    """Whether an error only means that somebody stopped the process. In a query, DuckDB raises it as its own."""
    return isinstance(error, KeyboardInterrupt) or INTERRUPTED in str(error)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error, or one that it is a kind of, is called as those of memory are."""
    return any(kind.__name__ in OUT_OF_MEMORY for kind in type(error).__mro__)
