"""The sentences of explanations that are not about a value alone, in Vietnamese and English."""

from __future__ import annotations

from dx_pipeline.declarations.document import Bilingual

NO_LONGER_DECLARED = Bilingual(
    vi="KPI này không còn được khai báo: chỉ nêu những gì bản công bố có; dòng, phân vùng và tệp không truy được nữa.",
    en="The KPI is no longer declared: this is what the release has; rows, partitions and files cannot be traced.",
)

DECLARED_OTHERWISE = Bilingual(
    vi="Khai báo đã thay đổi sau bản công bố này: điều kiện, khung nhìn và tiêu đề cột là của hiện nay.",
    en="Declarations have changed since this release: conditions, views and headings are those of today.",
)
FREE_SQL = Bilingual(
    vi="KPI này dùng SQL tự do: dòng nào được tính thì xem câu SQL; dòng tệp nêu ở đây là của cả lần giao.",
    en="This KPI is free SQL: its text says which rows count; lines given here are those of whole deliveries.",
)
PROTECTED = Bilingual(
    vi="KPI về hồ sơ: số dòng, dòng nào và mã băm của từng tệp, số hồ sơ bị loại và các lần đính chính không công khai,"
    " vì có thể làm lộ số đã che. Với lựa chọn '--inside', 'dx explain' cho cán bộ trong cơ quan biết tệp và dòng"
    " của giá trị có hiển thị.",
    en="A KPI about dossiers: rows, lines and hash of each file, how many dossiers are left out, and revisions are not"
    " public, because they could reveal withheld counts. With '--inside', 'dx explain' gives analysts inside the files"
    " and lines of a value that is shown.",
)
FOR_INSIDE = Bilingual(
    vi="Chỉ dùng trong cơ quan, không chuyển cho bên ngoài.",
    en="For use inside the office only: do not pass it on.",
)
LINES_UNKNOWN = Bilingual(
    vi="Phân vùng đã thay đổi sau bản công bố này: không nêu được dòng nào của một số lần giao.",
    en="Partitions have changed since this release: of some deliveries the lines are not known any more.",
)
