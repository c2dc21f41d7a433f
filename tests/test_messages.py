"""What is wrong is said in one sentence, in the reader's language: what, where (file and line), and what to do."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import pytest
from deliveries import GROUPS, groups, put
from projects import Dx, runnable

from dx_pipeline.settings import Settings

OWNER = ("team:name_of_the_team, or an e-mail address.", "team:tên_đơn_vị, hoặc một địa chỉ thư điện tử.")
OVERLAP = (
    "versions 1 and 2 are in force on the same day: set valid_to of version 1 to 2022-08-14 or earlier.",
    "phiên bản 1 và 2 cùng có hiệu lực trong một ngày: hãy đặt valid_to của phiên bản 1 là 2022-08-14 hoặc sớm hơn",
)
GROUP = "assets/programme/community_group/defs.yaml"
COUNT = "assets/kpi/community_group_count/defs.yaml"
RATE = "assets/kpi/online_dossier_rate/defs.yaml"
VIEW = "assets/view/dossier_received/view.sql"


@dataclass(frozen=True)
class Mistake:
    """What a new user wrote into a file instead of something else, and what the command says of it.

    Args:
        line: of the file, once it is written.
        en, vi: the sentence, after file and line.
    """

    file: str
    old: str
    new: str
    line: int
    en: str
    vi: str


MISTAKES = {
    "an owner in free text": Mistake(
        *(GROUP, "team:trial", "Sở Một", 5),
        f"'owner': 'Sở Một' is no owner: write {OWNER[0]}",
        f"'owner': 'Sở Một' không phải là chủ trì: hãy ghi {OWNER[1]}",
    ),
    "the owner of what only Dagster reads": Mistake(
        *("assets/release/defs.yaml", "team:so_thong_tin_va_truyen_thong", "Sở", 6),
        f"'owner': 'Sở' is no owner: write {OWNER[0]}",
        f"'owner': 'Sở' không phải là chủ trì: hãy ghi {OWNER[1]}",
    ),
    "a schedule that is none": Mistake(
        *("assets/nightly_refresh/defs.yaml", "30 1 * * *", "01:30", 3),
        "'cron': '01:30' is no schedule: write minute, hour, day, month and day of the week, such as '30 1 * * *'.",
        "'cron': '01:30' không phải là lịch: hãy ghi phút, giờ, ngày, tháng và thứ, chẳng hạn '30 1 * * *'.",
    ),
    "a colon in a text without quotes": Mistake(
        *(GROUP, "owner: team:trial", "owner: team: trial", 5),
        "not valid YAML: a text with ': ' in it is taken for a key and a value: put the text in quotes.",
        "YAML không hợp lệ: văn bản có ': ' bị hiểu là khóa và giá trị: hãy đặt văn bản trong dấu nháy.",
    ),
    "a bracket that is not closed": Mistake(
        *(GROUP, "{vi: Tổ công nghệ, en: Groups}", "{vi: Tổ công nghệ, en: Groups", 4),
        "not valid YAML: a quote or bracket is opened and not closed: close it.",
        "YAML không hợp lệ: có dấu nháy hoặc dấu ngoặc mở mà không đóng: hãy đóng lại.",
    ),
    "a type of component that there is not": Mistake(
        *("assets/view/dossier_received/defs.yaml", "components.View", "components.Vew", 1),
        "'dx_pipeline.components.Vew' is no type of component: known are dx_pipeline.components.Inbox,",
        "'dx_pipeline.components.Vew' không phải là loại thành phần: có dx_pipeline.components.Inbox,",
    ),
    "a name that is not known": Mistake(
        *(COUNT, "  owner:", "  owners:", 4),
        "'owners' is not known here: allowed are agreed, basis,",
        "'owners' không được biết ở đây: được phép có agreed, basis,",
    ),
    "a name that is missing": Mistake(
        *(COUNT, "  owner: team:trial\n", "", 2),
        "'owner' is missing: write it.",
        "thiếu 'owner': hãy ghi vào.",
    ),
    "a value that is not allowed": Mistake(
        *(COUNT, "  of: community_group", "  direction: north\n  of: community_group", 7),
        "'direction': 'north' is not allowed: it should be 'up' or 'down'.",
        "'direction': 'north' không được phép: phải là 'up' hoặc 'down'.",
    ),
    "two versions on one day": Mistake(
        *(COUNT, "valid_to: 2022-08-14", "valid_to: 2022-08-20", 9),
        OVERLAP[0],
        OVERLAP[1],
    ),
    "a version without an end before another one": Mistake(
        *(COUNT, " valid_to: 2022-08-14,", "", 9),
        OVERLAP[0],
        OVERLAP[1],
    ),
    "a day as it is written in letters": Mistake(
        *(COUNT, "valid_from: 2022-08-15", "valid_from: 15/08/2022", 10),
        "'versions.1.valid_from': '15/08/2022' is no day: write YYYY-MM-DD.",
        "'versions.1.valid_from': '15/08/2022' không phải là ngày: hãy ghi YYYY-MM-DD.",
    ),
    "a day that there is not": Mistake(
        *(COUNT, "valid_from: 2022-08-15", "valid_from: 2022-13-15", 10),
        "'2022-13-15' is no day that there is: write YYYY-MM-DD, or put it in quotes if it is a text.",
        "không có ngày '2022-13-15': hãy ghi YYYY-MM-DD, hoặc đặt trong dấu nháy nếu là văn bản.",
    ),
    "an expression that ends too early": Mistake(
        *(RATE, "counted: channel = 'online'", "counted: channel =", 9),
        "not valid SQL: 'channel =': look whether anything is missing or too much.",
        "SQL không hợp lệ: 'channel =': hãy xem có thiếu hay thừa gì không.",
    ),
    "a column that there is not": Mistake(
        *(RATE, "counted: channel", "counted: chanel", 9),
        "'chanel' is no column here: perhaps channel or ",
        "ở đây không có cột 'chanel': có lẽ là channel hoặc ",
    ),
    "a SELECT with half a condition": Mistake(
        *(VIEW, "coalesce(", "coalesce(1 = , ", 4),
        "not valid SQL: something is missing after 'coalesce(1 = ,': complete the expression.",
        "SQL không hợp lệ: thiếu một phần sau 'coalesce(1 = ,': hãy viết đủ biểu thức.",
    ),
    "a format that there is not": Mistake(
        *(GROUP, "kind: csv", "kind: docx", 8),
        "'deliveries.0.format': 'docx' is not allowed: 'kind' should be one of 'excel', 'html', 'csv',",
        "'deliveries.0.format': 'docx' không được phép: 'kind' phải là một trong 'excel', 'html', 'csv',",
    ),
    "a column without a place": Mistake(
        *(GROUP, "{header: ma_to}", "{}", 10),
        "'deliveries.0.columns.group_code': give either 'header' (where it is), 'constant' (what it always is) or",
        "'deliveries.0.columns.group_code': hãy ghi đúng một trong ba: 'header' (cột ở đâu), 'constant' (giá trị",
    ),
    "a column that the contract has not": Mistake(
        *(GROUP, "member_count:", "members:", 14),
        "'members' is no column of programme.community_group: it has group_code,",
        "programme.community_group không có cột 'members': các cột là group_code,",
    ),
    "a column of personal data": Mistake(
        *(GROUP, "{header: ma_to}", '{header: "Số điện thoại"}', 10),
        "the heading 'Số điện thoại' announces personal data (phone), of which nothing may be kept: name it under",
        "tiêu đề 'Số điện thoại' cho thấy dữ liệu cá nhân (phone), không được lưu: hãy ghi dưới 'ignored', hoặc",
    ),
    "rows of persons that everybody would see": Mistake(
        *("assets/contract/statistics/dossier.yaml", "audience: internal", "audience: public", 9),
        "each row is about one case, because 'dossier_code' can be linked to a person: such rows are not public.",
        "mỗi dòng là về một trường hợp, vì 'dossier_code' có thể dẫn tới một người: các dòng như vậy không được công",
    ),
    "a view that there is not": Mistake(
        *(COUNT, "of: community_group", "of: groups", 7),
        "'groups' is no declared view: known are community_group,",
        "'groups' không phải là khung nhìn đã khai báo: có community_group,",
    ),
    "a word where a condition belongs": Mistake(
        *(RATE, "counted: channel = 'online'", "counted: channel", 9),
        "'channel' is VARCHAR: write a condition or a number.",
        "'channel' có kiểu VARCHAR: hãy ghi một điều kiện hoặc một số.",
    ),
    "free SQL without what it looks at": Mistake(
        *(RATE, "counted: channel = 'online'", "sql: v1.sql", 2),
        "free SQL needs a 'basis', and is in every version or in none.",
        "SQL tự do cần có 'basis', và phải có trong mọi phiên bản hoặc không phiên bản nào.",
    ),
    "an expectation that there is not": Mistake(
        *("checks/programme/community_group.yaml", "unexpected_rows_expectation", "unexpected", 3),
        "'unexpected' is no expectation of Great Expectations 1.24.",
        "'unexpected' không phải là kỳ vọng của Great Expectations 1.24: hãy ghi đúng tên.",
    ),
}
"""By what was done wrong."""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The trial project, with a delivery, in a folder of its own."""
    made = runnable(tmp_path / "project")
    put(Settings(made / "warehouse", made), "community_group", groups(*GROUPS), month="2022-05")
    return made


@pytest.mark.parametrize("language", ["en", "vi"])
@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_in_a_declaration_is_one_sentence(dx: Dx, project: Path, name: str, language: str) -> None:
    mistake = MISTAKES[name]
    path = project / mistake.file
    text = path.read_text(encoding="utf-8")
    assert mistake.old in text
    path.write_text(text.replace(mistake.old, mistake.new, 1), encoding="utf-8")
    result = dx("run", "--lang", language, project=project, warehouse=project / "warehouse")
    assert result.returncode == 2, result.stderr
    (line,) = result.stderr.splitlines()
    assert line.startswith(f"dx: {path}:{mistake.line}: {getattr(mistake, language)}")


WRONG_USE = {
    ("fly",): ("No such command 'fly'. See 'dx --help'.", "không có lệnh 'fly'. Xem 'dx --help'."),
    ("kpi", "--fast"): ("No such option '--fast'. See", "không có tùy chọn --fast. Xem 'dx --help'."),
    ("explain",): ("Missing argument 'CODE'. See", "thiếu 'CODE'. Xem 'dx --help'."),
    ("kpi", "--level", "ward"): ("Invalid value for '--level': 'ward' is not", "giá trị của '--level' không hợp lệ ("),
    ("kpi", "--json", "--csv"): ("'--json' and '--csv' exclude each other.", "'--json' và '--csv' loại trừ nhau."),
    ("kpi", "--unit", "72"): ("'--unit' is about one KPI: write its code;", "'--unit' là về một KPI: hãy ghi mã KPI;"),
    ("kpi", "--month", "05/2022"): ("'05/2022' is not a month: write it as YYYY-MM", "'05/2022' không phải là tháng:"),
    ("open",): ("there is no release yet: run 'dx run' first.", "chưa có bản công bố nào: hãy chạy 'dx run' trước."),
    ("run", "--months", "2020-01"): ("the months of this project are 2022-01", "các tháng của dự án này là từ 2022-01"),
}


@pytest.mark.parametrize("arguments", WRONG_USE)
def test_wrong_use_is_said_in_the_readers_language(dx: Dx, project: Path, arguments: tuple[str, ...]) -> None:
    for language, sentence in zip(("en", "vi"), WRONG_USE[arguments], strict=True):
        result = dx(*arguments, "--lang", language, project=project, warehouse=project / "warehouse")
        assert result.returncode == 2, result.stderr
        (line,) = result.stderr.splitlines()
        assert line.startswith(f"dx: {sentence}")


@pytest.mark.slow
def test_rows_against_an_expectation_are_named_with_its_reason_and_their_lines(dx: Dx, project: Path) -> None:
    too_late = re.sub(rb"\d\d/\d\d/\d{4}", b"01/09/2022", groups(*GROUPS))
    put(Settings(project / "warehouse", project), "community_group", too_late, month="2022-06", name="late.csv")
    place = "programme.community_group community_group 2022-06"
    said = {
        "en": f"Held back: {place} (missing): A group is not set up after the month that reports it: not met"
        " (3 rows; late.csv, lines 3, 4, 5); correct the delivery, or the expectation in"
        " checks/programme/community_group.yaml.",
        "vi": f"Giữ lại: {place} (chưa có dữ liệu): Tổ thành lập sau tháng báo cáo: không đạt"
        " (3 dòng; late.csv, dòng 3, 4, 5); hãy sửa dữ liệu giao, hoặc kỳ vọng trong"
        " checks/programme/community_group.yaml.",
    }
    for language, sentence in said.items():
        result = dx("run", "--lang", language, project=project, warehouse=project / "warehouse")
        assert result.returncode == 1
        assert result.stderr.splitlines()[0] == sentence
