"""Words about values of KPIs: statuses, levels, windows, why a value is withheld, what a difference is due to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dx_pipeline.declarations.document import Bilingual

STATUS = {
    "met": Bilingual(vi="đạt", en="met"),
    "on_track": Bilingual(vi="đúng lộ trình", en="on track"),
    "at_risk": Bilingual(vi="có nguy cơ", en="at risk"),
    "off_track": Bilingual(vi="chậm", en="off track"),
    "no_target": Bilingual(vi="không có chỉ tiêu", en="no target"),
    "not_enough_data": Bilingual(vi="không đủ dữ liệu", en="not enough data"),
}

WINDOW = {
    "month": Bilingual(vi="tháng", en="month"),
    "quarter": Bilingual(vi="quý", en="quarter"),
    "ytd": Bilingual(vi="lũy kế từ đầu năm", en="year to date"),
    "year": Bilingual(vi="năm", en="year"),
}

LEVEL = {
    "province": Bilingual(vi="Toàn tỉnh", en="The province"),
    "agency": Bilingual(vi="Sở, ban, ngành", en="Agencies"),
    "district": Bilingual(vi="Huyện, thị xã, thành phố", en="Districts"),
    "commune": Bilingual(vi="Xã, phường, thị trấn", en="Communes"),
}

PART = {
    "volume": Bilingual(vi="số lượng", en="volume"),
    "mix": Bilingual(vi="cơ cấu đơn vị", en="mix of units"),
    "rate": Bilingual(vi="tỷ lệ của các đơn vị", en="rates of the units"),
    "new_units": Bilingual(vi="đơn vị mới", en="new units"),
    "lost_units": Bilingual(vi="đơn vị không còn", en="lost units"),
    "coverage": Bilingual(vi="độ phủ", en="coverage"),
    "late_data": Bilingual(vi="dữ liệu đến sau", en="late data"),
    "revision": Bilingual(vi="đính chính", en="revision"),
    "definition": Bilingual(vi="định nghĩa", en="definition"),
    "not_separated": Bilingual(vi="không tách được", en="not separated"),
    "rounding": Bilingual(vi="làm tròn", en="rounding"),
}
"""What a difference is due to."""

STATISTIC = {
    "all": Bilingual(vi="mọi mức độ", en="all levels"),
    "full": Bilingual(vi="toàn trình", en="full"),
    "partial": Bilingual(vi="một phần", en="partial"),
    "exchange": Bilingual(vi="lượt trao đổi", en="exchanges"),
    "caller": Bilingual(vi="lỗi do bên gọi", en="faults of the calling side"),
    "attempt": Bilingual(vi="lần lấy dữ liệu", en="attempts to fetch"),
}
"""The words of statistics that are no abbreviations, such as p95, known to everybody."""


def statistic(code: str) -> Bilingual:
    """The words of a statistic of a KPI; its code where it has none."""
    return STATISTIC.get(code, Bilingual(vi=code, en=code))


HIDDEN = Bilingual(vi="bị che", en="withheld")
"""In the place of a value that counts few dossiers, or protects one that does."""

SYNTHETIC = Bilingual(vi="DỮ LIỆU MÔ PHỎNG – không phải số liệu thật", en="SYNTHETIC DATA – not real figures")

WITHHELD = {
    "definition_changed": Bilingual(
        vi="Định nghĩa thay đổi trong kỳ: cả kỳ không có giá trị chung, mỗi phần có giá trị riêng.",
        en="The definition changes within the window: the whole has no value, each of its parts has one.",
    ),
    "no_definition": Bilingual(
        vi="Chưa có định nghĩa nào có hiệu lực trong cả kỳ.",
        en="No definition is in force on every day of the window.",
    ),
    "incomplete": Bilingual(
        vi="Chưa có đủ các phân vùng cần cho kỳ này: xem các phân vùng còn thiếu.",
        en="Not all partitions that the window needs are there: see which are missing.",
    ),
    "silent": Bilingual(
        vi="Đơn vị này chưa có báo cáo nào, nên chưa tính được gì.",
        en="No report of this unit has come, so nothing is counted.",
    ),
    "low_coverage": Bilingual(
        vi="Độ phủ thấp hơn mức cần có để công bố: xem báo cáo và dòng còn thiếu.",
        en="Coverage is below what a published value needs: see which reports and rows are missing.",
    ),
    "nothing_to_count": Bilingual(
        vi="Mẫu số bằng 0: trong kỳ không có gì để tính.",
        en="The denominator is 0: there is nothing to count in the window.",
    ),
    "not_measured": Bilingual(
        vi="Dữ liệu của kỳ không có gì để đo.",
        en="The data of the window have nothing that could be measured.",
    ),
}
"""Why a value is withheld, by reason; `few_dossiers` is in `withheld`."""

NO_VALUE = Bilingual(vi="Bản công bố không có giá trị này.", en="The release has no such value.")

NOT_SEPARATED = {
    "no_counts": Bilingual(
        vi="Giá trị không tính từ các số đếm cộng được (phân vị, tuổi, số do nơi khác báo), hoặc số đếm không công bố.",
        en="The value is not made of counts that add up (a percentile, an age, a reported figure), or these are not"
        " published.",
    ),
    "other_coverage": Bilingual(
        vi="Có đơn vị báo cáo đầy đủ hơn ở một trong hai: phần còn thiếu ở bên kia là bao nhiêu thì không biết.",
        en="Units reported more fully in one of the two: how much is missing in the other is not known.",
    ),
    "other_area": Bilingual(
        vi="Địa bàn của hai bên khác nhau (sáp nhập, chia tách): không biết bao nhiêu thuộc phần khác đó.",
        en="The two have different areas (a merger or split), and how much lies in what differs is not known.",
    ),
    "withheld": Bilingual(
        vi="Chỉ biết tổng của các đơn vị bị che, mà chúng thay đổi vì nhiều lý do khác nhau.",
        en="Of units that are withheld only the total is known, and they differ for several reasons.",
    ),
    "other_span": Bilingual(
        vi="Định nghĩa khác nhau, và hai khoảng thời gian cũng dài ngắn khác nhau.",
        en="The definitions differ, and so do the lengths of the two.",
    ),
    "several_causes": Bilingual(
        vi="Có hơn một nguyên nhân, và không biết mỗi nguyên nhân bao nhiêu.",
        en="There is more than one cause, and how much is due to each is not known.",
    ),
    "no_known_cause": Bilingual(
        vi="Dữ liệu của kỳ này không thay đổi, chỉ dữ liệu khác đã thay đổi.",
        en="The data of the window have not changed, only others have.",
    ),
    "other_reference": Bilingual(
        vi="Bảng tham chiếu mà KPI này dùng, hoặc các đơn vị, khác nhau: 'dx release diff' nêu tên bảng và tệp.",
        en="A reference table that the KPI reads, or the units, differ: 'dx release diff' names tables and files.",
    ),
    "other_program": Bilingual(
        vi="Hai bản công bố do hai phiên bản phần mềm khác nhau tạo ra.",
        en="The two releases were made by two versions of the program.",
    ),
    "not_declared": Bilingual(
        vi="KPI này không còn được khai báo: không biết nó đếm những gì.",
        en="The KPI is no longer declared: what it counts is not known.",
    ),
}
"""Why a difference, or a part of it, cannot be separated, by reason."""


def withheld(value: Mapping[str, Any], threshold: int) -> Bilingual | None:
    """Why a value is not shown, in a sentence; None if it is shown.

    It never says whether the value is small itself or protects another one.

    Args:
        value: a row of `kpi.value`.
        threshold: the smallest count that is shown.
    """
    reason = value["withheld_reason"]
    if reason == "few_dossiers":
        return Bilingual(
            vi=f"Giá trị bị che: nó đếm dưới {threshold} hồ sơ, hoặc từ nó suy ra được một giá trị như vậy. Không"
            " nêu rõ trường hợp nào.",
            en=f"The value is withheld: it counts fewer than {threshold} dossiers, or one that does could be computed"
            " from it. The release does not say which.",
        )
    return WITHHELD.get(reason)
