"""What cannot be read, computed, fetched or answered is said in one sentence, in the reader's language."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest
from deliveries import DOSSIERS, GROUPS, dossiers, groups, put
from projects import Dx, runnable

from dx_pipeline.settings import Settings

RATE = "assets/kpi/online_dossier_rate/defs.yaml"


@dataclass(frozen=True)
class Wrong:
    """A file that cannot be read, and what `dx run` says of it after the partition and the file's name."""

    source: str
    month: str
    content: bytes
    en: str
    vi: str


KEPT_NOTHING = (
    " Nothing of it was kept, and it is left as it came.",
    " Không lưu gì từ tệp này; tệp vẫn để nguyên như khi nhận.",
)
WRONG_FILES = {
    "a column is missing": Wrong(
        *("community_group", "2022-01", groups(*GROUPS).replace(b"ngay_giai_the,", b"")),
        "line 2: the column 'ngay_giai_the' is missing; ask the sender for it, or correct the layout.",
        "dòng 2: thiếu cột 'ngay_giai_the'; hãy đề nghị nơi gửi bổ sung, hoặc sửa cách trình bày đã khai báo.",
    ),
    "a column is unknown": Wrong(
        *("community_group", "2022-02", groups(*GROUPS).replace(b"so_thanh_vien", b"so_thanh_vien,so_nu")),
        "line 2: the column 'so_nu' is unknown; declare it under 'columns' or 'ignored', or ask the sender to leave"
        " it out.",
        "dòng 2: cột 'so_nu' không được biết; hãy khai báo dưới 'columns' hoặc 'ignored', hoặc đề nghị nơi gửi bỏ"
        " cột này.",
    ),
    "the title is missing": Wrong(
        *("community_group", "2022-03", groups(*GROUPS).partition(b"\n")[2]),
        "its headings are on line 1, and the layout says line 2; correct 'preamble_rows' in the layout, or ask the"
        " sender for the agreed form.",
        "tiêu đề cột ở dòng 1, còn khai báo ghi dòng 2; hãy sửa 'preamble_rows' trong khai báo, hoặc đề nghị nơi gửi"
        " theo mẫu đã thống nhất.",
    ),
    "a quotation mark is open": Wrong(
        *("community_group", "2022-04", groups(*GROUPS).replace(b"TCN-25459", b'"TCN-25459')),
        "line 4: a quotation mark is opened and not closed on the same line, so records cannot be separated; ask the"
        " sender to close it or to double it.",
        "dòng 4: có dấu nháy mở mà không đóng trên cùng dòng, nên không tách được các bản ghi; hãy đề nghị nơi gửi"
        " đóng lại hoặc viết đôi dấu nháy.",
    ),
    "it is in another encoding": Wrong(
        *("community_group", "2022-06", groups(*GROUPS).decode().encode("utf-16")),
        "it is in utf-16, not UTF-8; ask the sender to save the file as UTF-8 ('CSV UTF-8' in Excel), or declare"
        f" 'encoding: utf-16' in its format.{KEPT_NOTHING[0]}",
        "tệp theo bảng mã utf-16, không phải UTF-8; hãy đề nghị nơi gửi lưu tệp dạng UTF-8 ('CSV UTF-8' trong Excel),"
        f" hoặc khai báo 'encoding: utf-16' trong định dạng.{KEPT_NOTHING[1]}",
    ),
    "it cannot be searched": Wrong(
        *("community_group", "2022-07", b"%PDF-1.7\x00\x01\x02\x03\x04\x05\x06\x07"),
        "it is of no kind that can be searched for personal data; ask the sender for one of the agreed formats."
        f"{KEPT_NOTHING[0]}",
        "loại tệp này không thể dò tìm dữ liệu cá nhân; hãy đề nghị nơi gửi dùng một trong các định dạng đã thống"
        f" nhất.{KEPT_NOTHING[1]}",
    ),
    "it is a web page": Wrong(
        *("community_group", "2022-08", b"<!doctype html><html><body><form>Login</form></body></html>"),
        "it is a web page, perhaps one that asks for a password; download the file itself, or ask the sender.",
        "đây là trang web, có thể là trang hỏi mật khẩu; hãy tải đúng tệp dữ liệu, hoặc hỏi nơi gửi.",
    ),
    "records are missing": Wrong(
        *("digital_enterprise", "2022-05", b'{"DataCount": 9, "Data": []}'),
        "it announces 9 records and has 0; ask the sender for the whole answer.",
        "dữ liệu báo có 9 bản ghi nhưng có 0; hãy đề nghị nơi gửi gửi đủ.",
    ),
    "it is broken off": Wrong(
        *("digital_enterprise", "2022-06", b'{"DataCount": 9, "Data": ['),
        f"line 1: it is not JSON (Expecting value, column 27); ask the sender for the whole answer.{KEPT_NOTHING[0]}",
        f"dòng 1: không phải JSON (Expecting value, cột 27); hãy đề nghị nơi gửi gửi đủ.{KEPT_NOTHING[1]}",
    ),
}
"""By what is wrong."""

FAILING = {
    "a KPI that fails on some rows": (
        f"KPI online_dossier_rate: {RATE}:9: version 1 of KPI online_dossier_rate fails: Conversion Error: ",
        f"KPI online_dossier_rate: {RATE}:9: phiên bản 1 của KPI online_dossier_rate bị lỗi: Conversion Error: ",
    ),
    "a source whose address is not known": (
        "service_catalogue cannot be asked; set the environment variable or correct the address in its defs.yaml:",
        "service_catalogue chưa thể gửi yêu cầu; hãy đặt biến môi trường hoặc sửa địa chỉ trong defs.yaml:",
    ),
}
"""What `dx doctor` says, in English and Vietnamese, by what is wrong."""

CONNECTOR = """  connector:
    kind: http
    base_url_env: DX_TRIAL_ADDRESS
    requests: [{name: list, path: "/list/{month}", records: Body.Items}]
  deliveries:
"""
CODE = "community_group_count"
WRONG_QUESTIONS = {
    ("explain", "group_count"): (
        "'group_count' is no declared KPI: did you mean community_group_count?",
        "'group_count' không phải là KPI đã khai báo: có phải community_group_count?",
    ),
    ("explain", CODE, "--system", "x"): (
        f"KPI {CODE} has no system 'x': it is not divided by system.",
        f"KPI {CODE} không có hệ thống 'x': KPI này không chia theo hệ thống.",
    ),
    ("explain", CODE, "--window", "2021-05"): (
        f"KPI {CODE} has no value of 2021-05: there are 2022-01 to 2022-08.",
        f"KPI {CODE} không có giá trị của kỳ 2021-05: có từ 2022-01 đến 2022-08.",
    ),
    ("explain", CODE, "--unit", "nowhere"): (
        f"KPI {CODE} has no value of unit 'nowhere' in this window: it is published for the levels ",
        f"KPI {CODE} không có giá trị của đơn vị 'nowhere' trong kỳ này: được công bố cho các cấp ",
    ),
    ("change", CODE, "--against", "2022-05", "--against-unit", "25456"): (
        "'--against', '--against-unit' and '--against-release' exclude each other.",
        "'--against', '--against-unit' và '--against-release' loại trừ nhau: hãy giữ một.",
    ),
    ("revision", "accept", "0000", "--reason", "routine", "--note", "x"): (
        "there is no proposed revision '0000': see 'dx revision list'.",
        "không có đề nghị đính chính '0000': xem 'dx revision list'.",
    ),
}


@dataclass(frozen=True)
class Project:
    """A project with everything wrong that can be wrong at once, and what `dx run` said of it in each language."""

    folder: Path
    said: dict[str, str]


@pytest.fixture(scope="module")
def troubled(dx: Dx, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The project after a run in each language; the second one finds what the first one recorded."""
    folder = runnable(tmp_path_factory.mktemp("troubled") / "project")
    for file, old, new in (
        (RATE, "counted: channel = 'online'", "counted: CAST(channel AS INTEGER) = 1"),
        ("assets/connection/service_catalogue/defs.yaml", "  deliveries:\n", CONNECTOR),
    ):
        path = folder / file
        path.write_text(path.read_text(encoding="utf-8").replace(old, new, 1), encoding="utf-8")
    settings = Settings(folder / "warehouse", folder)
    put(settings, "community_group", groups(*GROUPS))
    put(settings, "dossier", dossiers(*DOSSIERS))
    for wrong in WRONG_FILES.values():
        put(settings, wrong.source, wrong.content, month=wrong.month, name="wrong.dat")
    said = {}
    for language in ("en", "vi"):
        result = dx("run", "--lang", language, project=folder, warehouse=settings.warehouse)
        assert result.returncode == 1, result.stderr
        said[language] = result.stderr
    return Project(folder, said)


@pytest.mark.slow
@pytest.mark.parametrize("name", WRONG_FILES)
def test_why_a_file_is_refused_is_said_in_the_readers_language(troubled: Project, name: str) -> None:
    wrong = WRONG_FILES[name]
    for language, held, state in (("en", "Held back", "missing"), ("vi", "Giữ lại", "chưa có dữ liệu")):
        place = f"{held}: programme.{wrong.source} {wrong.source} {wrong.month} ({state}): wrong.dat: "
        assert f"{place}{getattr(wrong, language)}" in troubled.said[language].splitlines()


@pytest.mark.slow
def test_what_fails_is_said_in_the_readers_language(dx: Dx, troubled: Project) -> None:
    for position, language in enumerate(("en", "vi")):
        folder = troubled.folder
        shown = dx("doctor", "--lang", language, project=folder, warehouse=folder / "warehouse").stdout
        for name, sentences in FAILING.items():
            assert sentences[position] in shown, name
        for wrong in WRONG_FILES.values():
            assert getattr(wrong, language).removesuffix(".") in shown


@pytest.mark.slow
@pytest.mark.parametrize("arguments", WRONG_QUESTIONS)
def test_a_question_without_an_answer_is_refused_in_the_readers_language(
    dx: Dx, troubled: Project, arguments: tuple[str, ...]
) -> None:
    for language, sentence in zip(("en", "vi"), WRONG_QUESTIONS[arguments], strict=True):
        folder = troubled.folder
        result = dx(*arguments, "--lang", language, project=folder, warehouse=folder / "warehouse")
        assert result.returncode == 2, result.stderr
        (line,) = result.stderr.splitlines()
        assert line.startswith(f"dx: {sentence}")
