"""Why a value differs from another one: parts that add up exactly, each worked out by hand."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest
from comparison import Shown, adds_up, changes, of, parts
from projects import PROJECT
from provinces import History, initial, units_of

from dx_pipeline.declarations import catalogue
from dx_pipeline.declarations.catalogue import Catalogue
from dx_pipeline.errors import UsageError
from dx_pipeline.kpi.change import Inputs
from dx_pipeline.period import Month, Window
from dx_pipeline.release.pair import continued

RATE, GROUPS, VOLUME, USAGE = "online_dossier_rate", "community_group_count", "exchange_volume", "service_usage_rate"
MARCH, APRIL = Month(2022, 3), Month(2022, 4)
JUNE, JULY = Month(2025, 6), Month(2025, 7)
Counts = tuple[int, int | None] | None


@pytest.fixture(scope="module")
def kpis() -> Catalogue:
    """The province's own KPIs."""
    return catalogue.load(PROJECT)


def shown(month: Month, **counts: Counts) -> list[Shown]:
    """The values of a month of the province (`p72`), its districts (`d703`) and agencies (`a01`)."""
    levels = {"p": "province", "d": "district", "a": "agency", "c": "commune"}
    codes = {name: f"H53.{name[1:]}" if name[0] == "a" else name[1:] for name in counts}
    return [Shown(codes[name], levels[name[0]], month, each) for name, each in counts.items()]


def amounts(**named: str) -> dict[str, Decimal]:
    return {name: Decimal(text) for name, text in named.items()}


def test_a_rate_changes_by_the_rates_of_its_units_and_by_their_shares(tmp_path: Path, kpis: Catalogue) -> None:
    # 703: 10 of 100, then 60 of 300: 10%, then 20%. 709: 90 of 300, then 30 of 100: 30% both times.
    # All: 100 of 400 is 25%, then 90 of 400 is 22.5%. The shares of 703 are 1/4 and 3/4, in the middle 1/2.
    # rate: 1/2 * 10. mix: 1/2 * 15 - 1/2 * 30 = -7.5; that both together are compared with cancels out.
    found = changes(
        tmp_path,
        kpis,
        initial(),
        {
            RATE: [
                *shown(MARCH, p72=(100, 400), d703=(10, 100), d709=(90, 300)),
                *shown(APRIL, p72=(90, 400), d703=(60, 300), d709=(30, 100)),
            ]
        },
    )
    province = of(found, "72")
    assert (province["value_before"], province["value"], province["difference"]) == (25, 22.5, Decimal("-2.5"))
    assert parts(province) == amounts(rate="5", mix="-7.5")
    assert parts(of(found, "703")) == amounts(rate="10")
    assert parts(of(found, "709")) == {}
    assert all(map(adds_up, found))


def test_published_values_are_rounded_and_their_rounding_is_a_part_of_its_own(tmp_path: Path, kpis: Catalogue) -> None:
    # 1/3 is 33.33 (33.333...), 2/3 is 66.67 (66.666...).
    (found,) = changes(tmp_path, kpis, initial(), {RATE: [*shown(MARCH, p72=(1, 3)), *shown(APRIL, p72=(2, 3))]})
    assert found["difference"] == Decimal("33.34")
    assert (found["rate"], found["rounding"]) == (Decimal("33.333333"), Decimal("0.006667"))


def test_units_that_are_withheld_are_together_the_rest(tmp_path: Path, kpis: Catalogue) -> None:
    # Without 703: 50 of 100, then 60 of 100, whoever these are; half of everything both times.
    found = changes(
        tmp_path,
        kpis,
        initial(),
        {
            RATE: [
                *shown(MARCH, p72=(60, 200), d703=(10, 100), d709=None, a01=(20, 40)),
                *shown(APRIL, p72=(70, 200), d703=(10, 100), d709=(30, 50), a01=None),
            ]
        },
    )
    assert parts(of(found, "72")) == amounts(rate="5")


def test_a_silent_unit_is_coverage_and_one_that_lacks_reports_is_too(tmp_path: Path, kpis: Catalogue) -> None:
    silent = Shown("709", "district", MARCH, None, "silent")
    found = changes(
        tmp_path,
        kpis,
        initial(),
        {
            GROUPS: [
                *shown(MARCH, p72=(30, None), d703=(30, None)),
                silent,
                *shown(APRIL, p72=(75, None), d703=(35, None), d709=(40, None)),
            ]
        },
    )
    assert parts(of(found, "72")) == amounts(volume="5", coverage="40")
    low = Shown("709", "district", MARCH, None, "low_coverage")
    found = changes(
        tmp_path,
        kpis,
        initial(),
        {
            GROUPS: [
                *shown(MARCH, p72=(42, None), d703=(30, None)),
                low,
                *shown(APRIL, p72=(75, None), d703=(35, None), d709=(40, None)),
            ]
        },
    )
    assert parts(of(found, "72")) == amounts(volume="5", coverage="28")


def test_what_a_unit_with_other_reports_changes_by_is_not_separated(tmp_path: Path, kpis: Catalogue) -> None:
    with_fewer = [
        Shown("72", "province", MARCH, (70, None), coverage=0.9),
        Shown("703", "district", MARCH, (30, None)),
        Shown("709", "district", MARCH, (40, None), coverage=0.8),
    ]
    found = changes(
        tmp_path,
        kpis,
        initial(),
        {GROUPS: [*with_fewer, *shown(APRIL, p72=(85, None), d703=(35, None), d709=(50, None))]},
    )
    assert parts(of(found, "72")) == amounts(volume="5", not_separated="10")
    assert {row["unit_code"]: row["not_separated_reason"] for row in found} == {
        "72": "other_coverage",
        "709": "other_coverage",
        "703": None,
    }


def merged() -> History:
    history = initial()
    history.merge_province(JULY.first)
    return history


def test_over_the_merger_the_communes_of_a_district_are_compared_with_it(tmp_path: Path, kpis: Catalogue) -> None:
    # 703: 60, then its communes 75 + 40. 709: 30, then nothing. The agency: 10, then 15.
    found = changes(
        tmp_path,
        kpis,
        merged(),
        {
            GROUPS: [
                *shown(JUNE, p72=(100, None), a01=(10, None), d703=(60, None), d709=(30, None), c25456=(60, None)),
                *shown(JULY, p80=(130, None), a01=(15, None), c25456=(75, None), c25459=(40, None)),
            ]
        },
    )
    province = of(found, "80")
    assert (province["before_unit_code"], province["difference"]) == ("72", 30)
    assert parts(province) == amounts(volume="30")
    assert parts(of(found, "25456")) == amounts(volume="15")
    assert {row["unit_code"] for row in found} == {"80", "H53.01", "25456"}


def test_over_the_merger_only_communes_that_were_in_no_district_are_new(tmp_path: Path, kpis: Catalogue) -> None:
    # Before: 10 of 100 in 703. Then 30 of 100 in its communes, and 10 of 100 in one that came with the merger.
    # Together 10%, then 20%: in the middle 15%. rate: the mean share 3/4 times 20. new: 1/2 * (10 - 15).
    # mix: the rest of 10: 1/2 * (20 - 15) - 1 * (20 - 15) = -2.5.
    history = merged()
    history.unit("27694", "commune", "80", JULY.first)
    values = [
        *shown(JUNE, p72=(10, 100), d703=(10, 100)),
        *shown(JULY, p80=(40, 200), c25456=(12, 60), c25459=(18, 40), c27694=(10, 100)),
    ]
    assert parts(of(changes(tmp_path, kpis, history, {RATE: values}), "80")) == amounts(
        rate="15", new_units="-2.5", mix="-2.5"
    )
    hidden = [*values[:-2], Shown("25459", "commune", JULY, None), values[-1]]
    row = of(changes(tmp_path, kpis, history, {RATE: hidden}), "80")
    assert parts(row) == amounts(rate="15", new_units="-2.5", mix="-2.5")  # the rest is the former area all the same
    row = of(changes(tmp_path, kpis, history, {RATE: values[:-1]}), "80")
    assert parts(row) == amounts(rate="15", mix="-2.5", not_separated="-2.5")  # of 100 nobody knows where they are
    assert row["not_separated_reason"] == "other_area"


def test_a_window_that_crosses_the_merger_has_rows_of_former_districts(tmp_path: Path, kpis: Catalogue) -> None:
    """Rows of a district before the day count for the new province directly: its communes lack them."""
    history = initial()
    history.merge_province(JULY.first.replace(day=15))
    values = [
        *shown(JUNE, p72=(110, None), a01=(10, None), d703=(100, None)),
        *shown(JULY, p80=(140, None), a01=(15, None), c25456=(75, None)),
    ]
    row = of(changes(tmp_path, kpis, history, {GROUPS: values}), "80")
    assert parts(row) == amounts(volume="5", not_separated="25")
    assert row["not_separated_reason"] == "other_area"


@pytest.mark.parametrize(
    ("unit", "sentence"),
    [
        ("80", None),
        ("25456", None),
        (
            "25630",
            "25630 Xã has another area in 2025-06, by the successions: all of 25630 and a part of 25633; see",
        ),
        ("27694", "27694 Xã is not there in 2025-06: the successions name no unit that it was"),
    ],
)
def test_a_unit_is_compared_with_what_it_was_or_not_at_all(kpis: Catalogue, unit: str, sentence: str | None) -> None:
    """A code that lives on with another area is another unit; the province is the province under another code."""
    history = initial()
    history.split_commune("25633", ("25630", "25462"), JULY.first)
    history.unit("27694", "commune", "703", JULY.first)
    history.unit("80", "province", None, JULY.first)
    history.units[0]["valid_to"] = JUNE.last
    later = {"kpi_code": GROUPS, "unit_code": unit, "unit_name": "Xã", "part_end": None, "window_end": JULY.last}
    window = Window.parse("2025-06")
    if sentence is None:
        assert continued(units_of(history), kpis, later, window, window.end) == {"80": "72"}.get(unit, unit)
    else:
        with pytest.raises(UsageError) as refused:
            continued(units_of(history), kpis, later, window, window.end)
        assert str(refused.value).startswith(sentence)


def test_units_that_are_merged_are_compared_with_those_they_were(tmp_path: Path, kpis: Catalogue) -> None:
    history = initial()
    history.merge_commune("25456", "25459", APRIL.first)
    values = [
        *shown(MARCH, d703=(100, None), c25456=(20, None), c25459=(30, None), c25462=(50, None)),
        *shown(APRIL, d703=(130, None), c25459=(60, None), c25462=(70, None)),
    ]
    found = changes(tmp_path, kpis, history, {GROUPS: values})
    assert parts(of(found, "703")) == amounts(volume="30")
    assert {row["unit_code"] for row in found} == {"703", "25462"}


def test_a_rate_over_the_merger_is_not_separated_where_no_unit_below_is_shown(tmp_path: Path, kpis: Catalogue) -> None:
    (found,) = changes(tmp_path, kpis, merged(), {RATE: [*shown(JUNE, p72=(10, 100)), *shown(JULY, p80=(60, 300))]})
    assert (parts(found), found["not_separated_reason"]) == (amounts(not_separated="10"), "other_area")


def test_another_version_of_the_definition_is_a_visible_break(tmp_path: Path, kpis: Catalogue) -> None:
    later = Shown("72", "province", APRIL, (60, 300), version=2)
    (found,) = changes(tmp_path, kpis, initial(), {RATE: [*shown(MARCH, p72=(10, 100)), later]})
    assert parts(found) == amounts(definition="10")
    assert found["rounding"] == 0


def test_items_that_are_counted_once_change_by_how_many_there_are_and_how_many_count(
    tmp_path: Path, kpis: Catalogue
) -> None:
    # 10 of 40, then 30 of 60: 20 more, each a fiftieth to fortieth; 20 more services, of which 20 in the middle count.
    # rate: 20 * (1/40 + 1/60) / 2 = 41.667%. volume: 20 * (1/60 - 1/40) = -16.667%.
    found = changes(
        tmp_path,
        kpis,
        initial(),
        {USAGE: [*shown(MARCH, p72=(10, 40), d703=(5, 20)), *shown(APRIL, p72=(30, 60), d703=(5, 20))]},
    )
    assert parts(of(found, "72")) == amounts(rate="41.667", volume="-16.667")


def test_exchanges_are_added_up_over_systems(tmp_path: Path, kpis: Catalogue) -> None:
    def exchanges(month: Month, **of_systems: int) -> list[Shown]:
        rows = [Shown("72", "province", month, (count, None), system=name) for name, count in of_systems.items()]
        return [*rows, Shown("72", "province", month, (sum(of_systems.values()), None))]

    values = [*exchanges(MARCH, civil_status=100, public_post=50), *exchanges(APRIL, civil_status=130, public_post=40)]
    found = changes(tmp_path, kpis, initial(), {VOLUME: values})
    assert parts(of(found, "72", system=None)) == amounts(volume="20")


def test_systems_have_no_area_that_a_merger_could_change(tmp_path: Path, kpis: Catalogue) -> None:
    values = [
        Shown(unit, "province", month, (count, None), system=system)
        for unit, month, counts in (("72", JUNE, (100, 50)), ("80", JULY, (130, 40)))
        for system, count in (("civil_status", counts[0]), ("public_post", counts[1]), (None, sum(counts)))
    ]
    found = changes(tmp_path, kpis, merged(), {VOLUME: values})
    assert parts(of(found, "80", system="civil_status")) == amounts(volume="30")
    assert parts(of(found, "80", system=None)) == amounts(volume="20")


def test_a_percentile_cannot_be_separated(tmp_path: Path, kpis: Catalogue) -> None:
    ages = [Shown("72", "province", month, None, value=value) for month, value in ((MARCH, 3), (APRIL, 5))]
    (found,) = changes(tmp_path, kpis, initial(), {"connection_freshness": ages})
    assert (parts(found), found["not_separated_reason"]) == (amounts(not_separated="2"), "no_counts")


def test_values_without_a_value_before_have_no_row(tmp_path: Path, kpis: Catalogue) -> None:
    values = [*shown(MARCH, p72=(10, 100), d703=None), *shown(APRIL, p72=(10, 100), d703=(5, 50), d709=None)]
    assert [row["unit_code"] for row in changes(tmp_path, kpis, initial(), {RATE: values})] == ["72"]


Since = Callable[..., dict[str, Decimal]]


@pytest.fixture
def since(tmp_path: Path, kpis: Catalogue) -> Since:
    """The parts of a change of the province's count or rate since the release before."""

    def found(
        before: list[Shown],
        after: list[Shown],
        *,
        code: str = GROUPS,
        changed: tuple[str, ...] = (),
        revised: tuple[tuple[str, str], ...] = (),
        definition: str = "same",
        program: str = "same",
        other_units: bool = False,
    ) -> dict[str, Decimal]:
        old = Inputs("same", {code: "same"}, dict.fromkeys(changed, "old"))
        new = Inputs(program, {code: definition}, dict.fromkeys(changed, "new"))
        known = (old, new), revised
        rows = changes(tmp_path, kpis, initial(), {code: after}, {code: before}, *known, other_units=other_units)
        assert all(map(adds_up, rows))
        return parts(of(rows, "72", compared_with="release"))

    return found


IN_APRIL = "programme.community_group/community_group_2022-04"
BEFORE = shown(APRIL, p72=(30, None), d703=(30, None))
AFTER = shown(APRIL, p72=(33, None), d703=(33, None))


def test_since_the_release_before_each_cause_has_its_name(since: Since) -> None:
    assert since(BEFORE, AFTER, changed=(IN_APRIL,)) == amounts(late_data="3")
    assert since(BEFORE, AFTER, definition="other") == amounts(definition="3")
    accepted = [Shown(each.unit, each.level, each.month, each.counts, revision=1) for each in AFTER]
    assert since(BEFORE, accepted, changed=(IN_APRIL,), revised=(("ab12", IN_APRIL),)) == amounts(revision="3")


def test_causes_that_cannot_be_told_apart_are_not_separated(since: Since) -> None:
    assert since(BEFORE, AFTER, definition="other", changed=(IN_APRIL,)) == amounts(not_separated="3")
    assert since(BEFORE, AFTER, program="other") == amounts(not_separated="3")
    assert since(BEFORE, AFTER, changed=(IN_APRIL,), other_units=True) == amounts(not_separated="3")
    accepted = [Shown(each.unit, each.level, each.month, each.counts, revision=1) for each in AFTER]
    assert since(BEFORE, accepted, changed=(IN_APRIL,)) == amounts(not_separated="3")


def test_a_reference_file_counts_only_where_a_kpi_reads_what_differs(since: Since) -> None:
    """A note in the list of units changes no unit; a target changes no value; indicators are read by no view."""
    read_by_nobody = ("reference.admin_unit", "reference.agency", "programme.target", "reference.criterion_766")
    changed = tuple(f"{table}/{table.split('.')[1]}" for table in read_by_nobody)
    assert since(BEFORE, AFTER, changed=(*changed, IN_APRIL)) == amounts(late_data="3")


def test_data_of_another_month_explain_nothing_unless_they_can_have_later_states(since: Since) -> None:
    assert since(BEFORE, AFTER, definition="other", changed=(IN_APRIL.replace("04", "05"),)) == amounts(definition="3")
    assert since(BEFORE, AFTER, changed=(IN_APRIL.replace("04", "05"),)) == amounts(not_separated="3")
    rates = (shown(APRIL, p72=(10, 100)), shown(APRIL, p72=(20, 100)))
    for month, cause in (("2022-03", "not_separated"), ("2022-04", "late_data"), ("2022-05", "late_data")):
        changed = (f"statistics.dossier/dossier_{month}",)
        assert since(*rates, code=RATE, changed=changed) == amounts(**{cause: "10"})


def test_a_unit_that_reported_late_is_coverage_and_what_others_added_is_late_data(since: Since) -> None:
    silent = [*shown(APRIL, p72=(30, None), d703=(30, None)), Shown("709", "district", APRIL, None, "silent")]
    reported = shown(APRIL, p72=(75, None), d703=(35, None), d709=(40, None))
    assert since(silent, reported, changed=(IN_APRIL,)) == amounts(coverage="40", late_data="5")


def test_a_rate_with_two_causes_since_the_release_before_is_not_separated(since: Since) -> None:
    silent = [*shown(APRIL, p72=(10, 100), d703=(10, 100)), Shown("709", "district", APRIL, None, "silent")]
    both = shown(APRIL, p72=(70, 200), d703=(20, 100), d709=(50, 100))
    one = shown(APRIL, p72=(60, 200), d703=(10, 100), d709=(50, 100))
    changed = ("statistics.dossier/dossier_2022-04",)
    assert since(silent, both, code=RATE, changed=changed) == amounts(not_separated="25")
    assert since(silent, one, code=RATE, changed=changed) == amounts(coverage="20")


def test_a_value_that_is_the_same_in_the_release_before_has_no_row(tmp_path: Path, kpis: Catalogue) -> None:
    rows = changes(tmp_path, kpis, initial(), {GROUPS: AFTER}, {GROUPS: AFTER})
    assert rows == []
