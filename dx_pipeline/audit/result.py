"""Results of an audit."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

from dx_pipeline.declarations.document import Bilingual

CheckStatus = Literal["met", "unmet", "broken"]


class ExpectationResult(BaseModel):
    """The result of one expectation.

    `status` is `broken` where the expectation itself could not be evaluated: then nothing is known
    about the data. `lines` are the first of the lines that are against it: the delivery or its file, and the line.
    """

    model_config = ConfigDict(frozen=True)

    type: str
    subject: str
    severity: Literal["critical", "warning", "info"]
    status: CheckStatus
    element_count: int | None = None
    unexpected_count: int | None = None
    observed: str | None = None
    reason_vi: str
    reason_en: str
    problem: str | None = None
    lines: tuple[tuple[str, int], ...] = ()

    def sentence(self, table: str) -> Bilingual:
        """Why the rows of a table are not published: the declared reason, how many rows, where, and what to do."""
        suite = f"checks/{table.replace('.', '/')}.yaml"
        if self.status == "broken":
            return Bilingual(
                vi=f"{self.type} ({self.subject}) không chạy được: {self.problem}; hãy sửa trong {suite}.",
                en=f"{self.type} on {self.subject} could not be evaluated: {self.problem}; correct it in {suite}.",
            )
        vi, en = self._extent(("dòng", "dòng"), ("dòng", "dòng")), self._extent(("row", "rows"), ("line", "lines"))
        return Bilingual(
            vi=f"{self.reason_vi.rstrip('.')}: không đạt{vi}; hãy sửa dữ liệu giao, hoặc kỳ vọng trong {suite}.",
            en=f"{self.reason_en.rstrip('.')}: not met{en}; correct the delivery, or the expectation in {suite}.",
        )

    def _extent(self, rows: tuple[str, str], lines: tuple[str, str]) -> str:
        """How many rows are against it, and in which lines of which files; words for one and for more."""
        if self.unexpected_count is None:
            return f" ({self.subject}: {self.observed})" if self.observed is not None else f" ({self.subject})"
        by_file: dict[str, list[str]] = {}
        for file, number in self.lines:
            by_file.setdefault(file, []).append(str(number))
        places = "".join(
            f"; {file}, {lines[len(numbers) > 1]} {', '.join(numbers)}" for file, numbers in by_file.items()
        )
        more = " ..." if places and self.unexpected_count > len(self.lines) else ""
        return f" ({self.unexpected_count} {rows[self.unexpected_count != 1]}{places}{more})"
