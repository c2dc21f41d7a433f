"""Of what is planted nothing is kept, and of what is innocent nothing is taken: two corpora, made by rule."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from deliveries import layout, readable, source, workbook
from hypothesis import given
from hypothesis import strategies as st
from planted import KINDS, innocent, planted
from test_privacy import CONTRACT, FORMATS, HEADINGS, PLACED, TITLE, written

from dx_pipeline import privacy
from dx_pipeline.declarations.source import Source
from dx_pipeline.errors import DeliveryRefusedError
from dx_pipeline.formats import xroad_answer
from dx_pipeline.formats.multipart import AnswerError
from dx_pipeline.privacy import Filtered, xroad, xroad_value

CONTRACTS = {"statistics.trial": CONTRACT}
PLACES = ("whole cell", "in a text", "date", "amount")
XROAD_FIELDS = (
    "serviceCode",
    "serviceSubsystemCode",
    "clientSubsystemCode",
    "clientMemberCode",
    "faultCode",
    "restPath",
)
IDS = ("messageId", "xRequestId")
IN_IDS = ("name", "identity_number", "phone", "email", "health_card", "dossier_code", "link", "token", "birth_date")
"""Kinds that are looked for in ids of messages. Shorter numbers there are counters."""

ORGANISATIONS = ("social_insurance",)
"""Kinds that may stay in codes of organisations: a business's tax code has as many digits."""


def of(name: str) -> Source:
    """A source that delivers in one format."""
    return source(layout(FORMATS[name], PLACED))


def filtered(folder: Path, declared: Source, content: bytes, name: str = "file.dat") -> Filtered:
    """What the filter makes of a file."""
    arrived = folder / "arrived"
    arrived.write_bytes(content)
    return privacy.apply(arrived, name, folder / "kept", declared, CONTRACTS, delivery_id="0" * 64)


def text_of(result: Filtered) -> str:
    """Every text that can be read in what was kept."""
    assert result.content is not None, result.withheld
    return readable(result.content.read_bytes())


@pytest.mark.parametrize("name", FORMATS)
def test_nothing_that_is_planted_in_a_delivery_is_kept(name: str, tmp_path: Path) -> None:
    tokens = planted(name, len(PLACES))
    rows = []
    for number, (whole, within, day, amount) in enumerate(tokens.values()):
        code = f"H53.01-220505-{number:04d}"
        rows.append([f"A{number}", whole, "05/05/2022", "1", code])
        rows.append([f"B{number}", f"Xem {within} nhé", "05/05/2022", "1", code])
        rows.append([f"C{number}", "Hộ tịch", day, "1", code])
        rows.append([f"D{number}", "Hộ tịch", "05/05/2022", f"{amount} đ", code])
    kept = text_of(filtered(tmp_path, of(name), written(name, TITLE, HEADINGS, rows)))
    assert [(kind, token) for kind, values in tokens.items() for token in values if token in kept] == []
    assert [row[0] for row in rows if row[0] not in kept] == []
    assert [row[4] for row in rows if row[4] not in kept] == []


@pytest.mark.parametrize("name", ["csv", "excel", "html", "json", "parquet"])
def test_nothing_that_is_planted_above_the_rows_is_kept(name: str, tmp_path: Path) -> None:
    tokens = planted(f"title of {name}", 1)
    title = "; ".join(f"Người lập biểu: {token}" for (token,) in tokens.values())
    kept = text_of(
        filtered(tmp_path, of(name), written(name, title, HEADINGS, [["A1", "Hộ tịch", "", "1", "H53-220505-0001"]]))
    )
    assert [kind for kind, (token,) in tokens.items() if token in kept] == []


def test_nothing_that_is_planted_in_a_field_of_x_road_is_kept(tmp_path: Path) -> None:
    records: list[dict[str, object]] = []
    tokens: list[tuple[str, str, str]] = []
    for field in (*XROAD_FIELDS, *IDS):
        for kind, (token,) in planted(field, 1).items():
            is_exception = (field in IDS and kind not in IN_IDS) or (
                field == "clientMemberCode" and kind in ORGANISATIONS
            )
            if not is_exception:
                tokens.append((field, kind, token))
                value = f"/dvc/v1/{token}/x" if field == "restPath" else token
                records.append({"monitoringDataTs": 1652345678, "messageId": f"m{len(records)}", field: value})
    arrived, kept = tmp_path / "arrived", tmp_path / "kept"
    declared = source(layout({"kind": "xroad"}, {"code": "serviceCode"}))
    arrived.write_bytes(gzip.compress(json.dumps({"records": records}, ensure_ascii=False).encode()))
    result = privacy.apply(arrived, "page", kept, declared, {})
    assert [each for each in tokens if each[2] in text_of(result)] == []
    assert len(tokens) > 90


def is_taken_out(folder: Path, page: str) -> bool:
    """Whether anything of a page is not kept."""
    (folder / "page").write_text(page, encoding="utf-8")
    return bool(xroad.answer(folder / "page", folder / "kept"))


@pytest.mark.parametrize("field", [*XROAD_FIELDS, *IDS])
def test_a_page_with_one_planted_value_is_not_taken_for_clean(field: str, tmp_path: Path) -> None:
    for kind, (token,) in planted(f"one in {field}", 1).items():
        value = f"/dvc/{token}" if field == "restPath" else token
        if xroad_value.kept(field, value)[1] is not None:
            page = json.dumps({"records": [{"requestInTs": 1652345678901, field: value}]}, ensure_ascii=False)
            for form in (page, page.replace(": ", ":")):
                assert is_taken_out(tmp_path, form), kind


RECORD = '{"requestInTs": 1652345678901, "messageId": "m1", "serviceCode": "Category"}'


@pytest.mark.parametrize(
    "records",
    [
        '{"messageId": "m1", "callerName": "Nguyen Van An"}',
        '{"messageId": "m1", "callerName" : "Nguyen Van An"}',
        '{"messageId": "m1", "callerName"\n:"Nguyen Van An"}',
        '{"messageId": "m1", "messageId": "Nguyen Van An"}',
        '{"messageId": null, "callerName": "Nguyen Van An"}',
        '{"messageId": {"caller": "Nguyen Van An"}}',
        '{"MessageId": "m1"}',
        '{"messageId": "m1", "serviceCode": "Nguyen Van An"}',
        '{"messageId": "m1", "requestSize": "Nguyen Van An"}',
        '{"messageId": "m1", "requestSize": "0912 345 678"}',
        '{"messageId": "m1", "succeeded": "Nguyen Van An"}',
    ],
)
def test_a_page_with_anything_else_than_known_fields_is_not_taken_for_clean(records: str, tmp_path: Path) -> None:
    assert not is_taken_out(tmp_path, f'{{"records": [{RECORD}]}}')
    assert is_taken_out(tmp_path, f'{{"records": [{RECORD}, {records}]}}')
    assert "An" not in readable((tmp_path / "kept").read_bytes())


@pytest.mark.parametrize(
    "records",
    [
        f'{RECORD}, "Nguyen Van An"',
        f'"Nguyen Van An", {RECORD.replace("m1", "{")}',
        f"{RECORD}, 912345678",
        f"{RECORD}] , [",
    ],
)
def test_a_page_with_anything_else_than_records_is_refused(records: str, tmp_path: Path) -> None:
    with pytest.raises(DeliveryRefusedError):
        is_taken_out(tmp_path, f'{{"records": [{records}]}}')


MEMBERS = st.one_of(
    st.tuples(
        st.sampled_from(["messageId", "serviceCode", "restPath", "requestSize", "succeeded", "caller", "Restpath"]),
        st.sampled_from(
            ["m-1", "Category", "/dvc/v1", "/a/{id}", 5, "5", " 5", True, None, "Nguyen Van An", {"a": 1}, [1]]
        ),
    ),
    st.just(("messageId", "3f74a886-c7f8-4169-9690-962c497d4f30")),
)


@given(
    st.lists(st.lists(MEMBERS, max_size=4), max_size=3),
    st.lists(
        st.sampled_from([("coveredFromTs", 5), ("synthetic", True), ("by", "An"), ("coveredToTs", "An")]), max_size=2
    ),
    st.sampled_from([(",", ":"), (", ", ": "), (",\n", " : ")]),
)
def test_a_page_that_is_kept_as_it_came_has_nothing_that_is_taken_out_of_one_that_is_written_anew(
    records: list[list[tuple[str, Any]]], around: list[tuple[str, Any]], separators: tuple[str, str]
) -> None:
    between, colon = separators

    def text(members: list[tuple[str, Any]]) -> str:
        return "{" + between.join(f"{json.dumps(name)}{colon}{json.dumps(value)}" for name, value in members) + "}"

    of_records = f"[{between.join(map(text, records))}]"
    page = "{" + between.join([text(around)[1:-1], f'"records"{colon}{of_records}'][not around :]) + "}"
    with TemporaryDirectory() as folder:
        place = Path(folder)
        try:
            is_changed = is_taken_out(place, page)
            anew = xroad.written_anew(xroad_answer.packed(page.encode()), place / "anew")
        except (AnswerError, DeliveryRefusedError):
            return
        assert is_changed == bool(anew)


def test_the_corpus_has_fourteen_kinds_and_four_hundred_values() -> None:
    assert len(KINDS) == 14
    assert len(FORMATS) * len(PLACES) * len(KINDS) >= 400
    values = [value for name in FORMATS for of_kind in planted(name, len(PLACES)).values() for value in of_kind]
    assert len(set(values)) >= 400


INNOCENT = list(dict.fromkeys(innocent()))


def test_the_innocent_corpus_has_two_thousand_values() -> None:
    assert len(INNOCENT) >= 2000


@pytest.mark.parametrize("name", ["csv", "excel", "ndjson", "parquet"])
def test_nothing_innocent_is_taken(name: str, tmp_path: Path) -> None:
    rows = [
        [f"A{number}", f'"{text}"' if name == "csv" else text, "", "1", f"H53-220505-{number:04}"]
        for number, text in enumerate(INNOCENT)
    ]
    content = written(name, TITLE, HEADINGS, rows)
    result = filtered(tmp_path, of(name), content)
    assert result.stripped == {}
    assert result == Filtered("file.dat", tmp_path / "arrived")


@pytest.mark.parametrize(
    "text",
    ["nothing", "31/31/2022", "1.234,5", "Hộ tịch", "UBND huyện Dương Minh Châu", "Đường Trần Phú", "12 hồ sơ", "?"],
)
def test_a_cell_that_breaks_its_shape_stays_where_it_is_innocent(text: str, tmp_path: Path) -> None:
    rows = [["A1", "Hộ tịch", text, text, "H53-220505-0001"]]
    assert filtered(tmp_path, of("excel"), workbook([[TITLE], HEADINGS, *rows])).stripped == {}
