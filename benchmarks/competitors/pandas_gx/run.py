"""pandas reads the CSV, Great Expectations validates the same rules on the frame, pandas writes Parquet and counts.

python run.py CSV FOLDER

It does less than the pipeline: a value that cannot be read ends it, and no single row is set aside.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import great_expectations as gx
import great_expectations.expectations as gxe
import pandas as pd

AGENCIES = Path(__file__).resolve().parents[3] / "warehouse" / "reference" / "agency.csv"
MONTH_START, MONTH_END = pd.Timestamp(2022, 6, 1), pd.Timestamp(2022, 6, 30)

YES_OR_NO = {"Có": True, "Không": False}
WORDS: dict[str, dict[str, object]] = {
    "channel": {"Trực tuyến": "online", "Trực tiếp": "direct", "Bưu chính": "post"},
    "dossier_status": {
        "Đang giải quyết": "in_progress",
        "Đã giải quyết": "finished",
        "Trả lại": "returned",
        "Dừng xử lý": "stopped",
    },
    "has_complaint": {**YES_OR_NO},
    "paid_online": {**YES_OR_NO},
    "has_electronic_result": {**YES_OR_NO},
    "has_digitised_result": {**YES_OR_NO},
    "is_synchronised": {**YES_OR_NO},
}
DAYS = ("received_on", "due_on", "finished_on", "returned_on", "stopped_on")
DAYS_OF_SUPPLEMENTS = ("supplement_requested_on", "supplement_received_on")
COMPONENTS = ("components_count", "components_digitised_count", "components_reused_count")
COLUMNS = (
    *("dossier_code", "procedure_code", "agency_code", "channel", *DAYS, "dossier_status", "supplement_count"),
    *(*DAYS_OF_SUPPLEMENTS, "has_complaint", "fee_vnd", "paid_online", "has_electronic_result", *COMPONENTS),
    *("has_digitised_result", "is_synchronised"),
)
WHOLE_NUMBERS = ("supplement_count", *COMPONENTS)


def read(csv: Path) -> pd.DataFrame:
    """The delivery as a typed data frame."""
    texts = [name for name in COLUMNS if name not in {*WHOLE_NUMBERS, "fee_vnd"}]
    kinds = {**dict.fromkeys(texts, "str"), **dict.fromkeys(WHOLE_NUMBERS, "Int64"), "fee_vnd": "float64"}
    dossiers = pd.read_csv(csv, sep=";", skiprows=2, header=None, names=list(COLUMNS), dtype=kinds, decimal=",")
    for name in (*DAYS, *DAYS_OF_SUPPLEMENTS):
        dossiers[name] = pd.to_datetime(dossiers[name], format="%d/%m/%Y")
    for name, words in WORDS.items():
        code = dossiers[name].map(words)
        if (dossiers[name].notna() & code.isna()).any():
            raise ValueError(f"{name} has a word that is not known")
        dossiers[name] = code.astype("str" if name in {"channel", "dossier_status"} else "boolean")
    return dossiers


def with_what_rules_ask(dossiers: pd.DataFrame, agencies: pd.DataFrame) -> pd.DataFrame:
    """The same with the columns that rules on several columns or on the reference file need."""
    found = dossiers[["agency_code", "received_on"]].reset_index().merge(agencies, on="agency_code")
    ends = found["valid_to"].fillna(pd.Timestamp.max)
    in_force = found["index"][(found["valid_from"] <= found["received_on"]) & (found["received_on"] <= ends)]
    ended = dossiers["finished_on"].fillna(dossiers["returned_on"]).fillna(dossiers["stopped_on"])
    return dossiers.assign(ended_on=ended, is_in_force=dossiers.index.isin(in_force.to_numpy()))


def of_the_contract(agencies: pd.DataFrame, known_until: pd.Timestamp) -> Iterator[Any]:
    """The rules of the contract as expectations: columns, then values, then the relations between columns."""
    yield gxe.ExpectTableColumnsToMatchOrderedList(column_list=[*COLUMNS, "ended_on", "is_in_force"])
    for name in ("dossier_code", "procedure_code", "agency_code", "received_on", "dossier_status"):
        yield gxe.ExpectColumnValuesToNotBeNull(column=name)
    yield gxe.ExpectColumnValuesToBeUnique(column="dossier_code")
    yield gxe.ExpectColumnValuesToMatchRegex(column="dossier_code", regex=r"^[0-9A-Z.]+-[0-9]{6}-[0-9]{4,7}$")
    yield gxe.ExpectColumnValuesToMatchRegex(column="procedure_code", regex=r"^[0-9]\.[0-9]{6}$")
    yield gxe.ExpectColumnValuesToBeInSet(column="agency_code", value_set=sorted(set(agencies["agency_code"])))
    for name in ("channel", "dossier_status"):
        yield gxe.ExpectColumnValuesToBeInSet(column=name, value_set=list(WORDS[name].values()))
    yield gxe.ExpectColumnValuesToBeBetween(column="supplement_count", min_value=0, max_value=100)
    yield gxe.ExpectColumnValuesToBeBetween(column="fee_vnd", min_value=0, max_value=100_000_000_000)
    for name in COMPONENTS:
        yield gxe.ExpectColumnValuesToBeBetween(column=name, min_value=0, max_value=1000)
    yield gxe.ExpectColumnValuesToBeBetween(column="received_on", max_value=MONTH_END)
    for name in ("finished_on", "returned_on", "stopped_on", *DAYS_OF_SUPPLEMENTS):
        yield gxe.ExpectColumnValuesToBeBetween(column=name, max_value=known_until)
    for later, earlier in (
        *((name, "received_on") for name in ("finished_on", "returned_on", "stopped_on", "due_on")),
        ("supplement_requested_on", "received_on"),
        ("supplement_received_on", "supplement_requested_on"),
        ("components_count", "components_digitised_count"),
        ("components_digitised_count", "components_reused_count"),
        ("components_count", "components_reused_count"),
    ):
        yield gxe.ExpectColumnPairValuesAToBeGreaterThanB(
            column_A=later, column_B=earlier, or_equal=True, ignore_row_if="either_value_is_missing"
        )
    for name in ("finished_on", "returned_on", "stopped_on"):
        yield gxe.ExpectColumnValuesToBeNull(column=name, **where("dossier_status == 'in_progress'"))
    came, asked = (f"{name} == {name}" for name in ("supplement_received_on", "supplement_requested_on"))
    yield gxe.ExpectColumnValuesToNotBeNull(column="supplement_requested_on", **where(came))
    yield gxe.ExpectColumnValuesToBeBetween(column="supplement_count", min_value=1, **where(asked))
    yield gxe.ExpectColumnValuesToBeInSet(column="paid_online", value_set=[False], **where("fee_vnd == 0"))


def of_the_suite() -> Iterator[Any]:
    """The expectations of checks/statistics/dossier.yaml."""
    yield gxe.ExpectTableRowCountToBeBetween(min_value=1)
    for name in ("channel", "supplement_count", "has_complaint", "components_count", "is_synchronised"):
        yield gxe.ExpectColumnValuesToNotBeNull(column=name, mostly=0.95)
    for status in ("finished", "returned", "stopped"):
        yield gxe.ExpectColumnValuesToNotBeNull(column=f"{status}_on", **where(f"dossier_status == '{status}'"))
    for name in ("has_electronic_result", "has_digitised_result"):
        yield gxe.ExpectColumnValuesToBeInSet(
            column=name, value_set=[False], **where("dossier_status == 'in_progress'")
        )
        yield gxe.ExpectColumnValuesToNotBeNull(column=name, **where("dossier_status == 'finished'"))
    yield gxe.ExpectColumnValuesToNotBeNull(column="supplement_requested_on", **where("supplement_count > 0"))
    yield gxe.ExpectColumnPairValuesAToBeGreaterThanB(
        column_A="ended_on",
        column_B="supplement_received_on",
        or_equal=True,
        ignore_row_if="either_value_is_missing",
    )
    yield gxe.ExpectColumnValuesToNotBeNull(column="paid_online", **where("fee_vnd > 0"))
    yield gxe.ExpectColumnValuesToBeBetween(column="components_count", min_value=1)
    yield gxe.ExpectColumnValuesToBeBetween(column="received_on", min_value=MONTH_START - pd.DateOffset(years=2))
    yield gxe.ExpectColumnValuesToBeInSet(column="is_in_force", value_set=[True])


def where(condition: str) -> dict[str, str]:
    """The arguments of an expectation on some rows only."""
    return {"row_condition": condition, "condition_parser": "pandas"}


def validate(dossiers: pd.DataFrame, expectations: list[Any]) -> list[str]:
    """The expectations that are not met."""
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    asset = context.data_sources.add_pandas("pandas").add_dataframe_asset("dossier")
    batch = asset.add_batch_definition_whole_dataframe("all").get_batch({"dataframe": dossiers})
    found = batch.validate(gx.ExpectationSuite("dossier", expectations=expectations), result_format="BASIC")
    return [str(result.expectation_config) for result in found.results if not result.success]


def main(csv: Path, folder: Path) -> dict[str, int]:
    """Validate, write and count.

    Raises:
        ValueError: an expectation is not met.
    """
    delivered_on: date = datetime.fromtimestamp(csv.stat().st_mtime, ZoneInfo("Asia/Ho_Chi_Minh")).date()
    agencies = pd.read_csv(AGENCIES, usecols=["agency_code", "valid_from", "valid_to"], dtype="str")
    for name in ("valid_from", "valid_to"):
        agencies[name] = pd.to_datetime(agencies[name])
    dossiers = read(csv)
    expectations = [*of_the_contract(agencies, max(MONTH_END, pd.Timestamp(delivered_on))), *of_the_suite()]
    if unmet := validate(with_what_rules_ask(dossiers, agencies), expectations):
        raise ValueError("; ".join(unmet))
    target = folder / "dossier.parquet"
    dossiers.to_parquet(target, compression="zstd", index=False)
    written = pd.read_parquet(target, columns=["received_on", "channel", "components_reused_count"])
    received = written[written["received_on"].between(MONTH_START, MONTH_END)]
    return {
        "received": len(received),
        "online": int((received["channel"] == "online").sum()),
        "channel_missing": int(received["channel"].isna().sum()),
        "reused": int(received["components_reused_count"].sum()),
    }


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1]), Path(sys.argv[2]))))
