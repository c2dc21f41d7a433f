"""Blocks: units directly below a unit in two periods that have, together, the same area in both.

A unit that is merged, split or goes on under another code is in a block with those that its area came from or went to.
So the units of two periods can be compared whatever became of each: by the successions, and never by shares.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from dx_pipeline.kpi.units import Continuation, Units

Side = tuple[str | None, bool]
"""The code of a unit (None: of none), and whether it is one of the later period."""

SINGLE = 2
"""How many units are in a block that is one unit in both periods."""


@dataclass(frozen=True)
class Placed:
    """One unit directly below a unit that is in two periods (`continuations`), in its block.

    Args:
        from_whole, to_whole: the unit above in either period.
        is_after: whether it is a unit of `to_period`.
        block: names the block among those of the unit above.
        kind: `common`: the block has the same area in both; `new`, `lost`: it is in one of the two only; `within`: some
            of its area belongs directly to the unit above in one of the two; `open`: some lies elsewhere in one.
        is_single: whether it is one unit in both.
    """

    from_period: int
    from_whole: str
    to_period: int
    to_whole: str
    unit_code: str
    is_after: bool
    block: str
    kind: str
    is_single: bool


def blocks(units: Units) -> Iterator[Placed]:
    """Every unit below one that is in two periods, for each two of them."""
    shared = {
        (first, second): _shared(units, first, second)
        for first in range(len(units.periods))
        for second in range(first, len(units.periods))
    }
    above = {
        (period, unit.parent_code) for period in range(len(units.periods)) for unit in units.in_force(period).values()
    }
    for each in units.continuations():
        if not above & {(each.from_period, each.from_code), (each.to_period, each.to_code)}:
            continue
        first, second = sorted((each.from_period, each.to_period))
        yield from _of_whole(units, each, shared[first, second], is_reversed=each.from_period > each.to_period)


def _shared(units: Units, first: int, second: int) -> list[tuple[str, str | None]]:
    """The lowest units of a period, each with every unit of a later one that has some of it; None if none has."""
    above = {unit.parent_code for unit in units.in_force(first).values()}
    found: list[tuple[str, str | None]] = []
    for unit in units.in_force(first).values():
        if unit.code not in above:
            others = sorted(units.shared(unit, second))
            found += [(unit.code, other) for other in others] or [(unit.code, None)]
    return found


def _of_whole(
    units: Units, whole: Continuation, shared: list[tuple[str, str | None]], *, is_reversed: bool
) -> Iterator[Placed]:
    earlier, later = (whole.from_period, whole.from_code), (whole.to_period, whole.to_code)
    if is_reversed:
        earlier, later = later, earlier
    sides: list[Side] = [(code, False) for code in _below(units, *earlier)]
    sides += [(code, True) for code in _below(units, *later)]
    joined = {side: {side} for side in sides}
    elsewhere: dict[Side, set[str]] = defaultdict(set)
    for lowest, other in shared:
        before = _place(units, *earlier, lowest), False
        after = _place(units, *later, other) if other is not None else None, True
        if before in joined and after in joined:
            together = joined[before] | joined[after]
            joined |= dict.fromkeys(together, together)
        elif before in joined and other is not None:
            elsewhere[before].add("within" if after[0] == later[1] else "open")
        elif after in joined:
            elsewhere[after].add("within" if before[0] == earlier[1] else "open")
    for (code, is_after), block in joined.items():
        yield Placed(
            whole.from_period,
            whole.from_code,
            whole.to_period,
            whole.to_code,
            str(code),
            is_after is not is_reversed,
            min(f"{'after' if is_later else 'before'} {each}" for each, is_later in block),
            _kind(block, {place for side in block for place in elsewhere[side]}, is_reversed=is_reversed),
            len(block) == len({is_later for _, is_later in block}) == SINGLE,
        )


def _kind(block: set[Side], elsewhere: set[str], *, is_reversed: bool) -> str:
    sides = {is_later is not is_reversed for _, is_later in block}
    if "within" in elsewhere and "open" not in elsewhere:
        return "within"
    if len(sides) == 1:
        return "new" if sides == {True} else "lost"
    return "open" if elsewhere else "common"


def _below(units: Units, period: int, whole: str) -> Iterator[str]:
    return (unit.code for unit in units.in_force(period).values() if unit.parent_code == whole)


def _place(units: Units, period: int, whole: str, code: str) -> str | None:
    """The unit directly below another one that a unit is in, or that other one itself; None if it lies elsewhere."""
    below = whole
    for unit in units.above(code, period):
        if unit.code == whole:
            return below
        below = unit.code
    return None
