"""`dx`: exit statuses that scripts can use, errors in one sentence, JSON for machines."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from deliveries import GROUPS, groups, put
from projects import Dx, smaller

from dx_pipeline.settings import Settings


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("run", "--months", "2022-13"), "'2022-13' is not a month: write it as YYYY-MM"),
        (("run",), "make the sample with 'dx sample'"),
        (("kpi",), "there is no release yet: run 'dx run' first"),
        (("fly",), "No such command 'fly'"),
        (("sample", "--scale", "0"), "Invalid value for '--scale'"),
        (("release", "rollback"), "there is no earlier release to go back to"),
        (("release", "verify", "nonsense"), "there is no release 'nonsense'"),
    ],
)
def test_wrong_use_is_told_in_one_sentence_and_status_2(
    dx: Dx, tmp_path: Path, arguments: tuple[str, ...], sentence: str
) -> None:
    result = dx(*arguments, warehouse=tmp_path)
    assert result.returncode == 2, result.stderr
    assert sentence in result.stderr
    assert "Traceback" not in result.stderr + result.stdout


def test_a_delivery_that_is_refused_does_not_stop_the_night_and_ends_with_status_1(
    dx: Dx, warehouse: Settings, tmp_path: Path
) -> None:
    project = smaller(tmp_path / "project", "community_group", "plan", "community_group_count")
    bad = groups(*GROUPS).replace(b",so_thanh_vien", b"")
    put(warehouse, "community_group", bad, month="2022-04", name="bad.csv")
    put(warehouse, "community_group", groups(*GROUPS), month="2022-05")
    (warehouse.inbox / "nobody").mkdir()
    result = dx("run", warehouse=warehouse.warehouse, project=project)
    assert result.returncode == 1, result.stderr
    assert "bad.csv: line 2: the column 'so_thanh_vien' is missing" in " ".join(result.stderr.split())
    assert "programme.community_group community_group 2022-05" not in result.stderr
    assert str(warehouse.inbox / "nobody") in "".join(result.stderr.split())
    listed = json.loads(dx("release", "list", "--json", warehouse=warehouse.warehouse, project=project).stdout)
    assert [item["current"] for item in listed] == [True]
    assert dx("release", "verify", warehouse=warehouse.warehouse, project=project).returncode == 0
    package = json.loads((warehouse.current / "datapackage.json").read_text(encoding="utf-8"))
    (april,) = (item for item in package["dx"]["held"] if item["source"] == "community_group")
    assert (april["month"], april["state"]) == ("2022-04", "missing")
    examined = dx("doctor", "--json", warehouse=warehouse.warehouse, project=project)
    assert examined.returncode == 1
    assert any("bad.csv" in finding["said"] for finding in json.loads(examined.stdout))
