"""Settings that say what must hold for them."""

from __future__ import annotations

import dataclasses

import pytest

from autoif_train.setting import bounds, check_bounds, leaves, setting
from autoif_train.types import UserError


@dataclasses.dataclass(frozen=True)
class Inner:
    share: float = setting(0.5, above=0, most=1)
    low: int = setting(1, least=0, below="high")
    high: int | None = setting(9, least=0, free=True)
    rates: list[float] = setting(default_factory=lambda: [1.0], above=0)
    name: str = "x"


@dataclasses.dataclass(frozen=True)
class Outer:
    inner: Inner = dataclasses.field(default_factory=Inner)
    fast: Inner = setting(default_factory=Inner, free=True)


@pytest.mark.parametrize("changed", [{}, {"share": 1}, {"low": 8}, {"high": None, "low": 99}, {"rates": []}])
def test_what_is_within_its_bounds_passes(changed):
    check_bounds(Outer(Inner(**changed)))


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"share": 0}, "inner.share: 0 is not above 0; it must be above 0 and at most 1"),
        ({"share": 2}, "inner.share: 2 is not at most 1; it must be above 0 and at most 1"),
        ({"share": float("nan")}, "inner.share: nan is not above 0; it must be above 0 and at most 1"),
        ({"low": 9}, "inner.low: 9 is not below inner.high, which is 9; it must be at least 0 and below high"),
        ({"rates": [1.0, -1.0]}, "inner.rates: -1.0 is not above 0; it must be above 0"),
    ],
)
def test_what_is_out_of_its_bounds_is_one_line_that_names_it(changed, said):
    with pytest.raises(UserError) as found:
        check_bounds(Outer(Inner(**changed)))
    assert str(found.value) == said


def test_a_section_may_be_checked_by_itself():
    with pytest.raises(UserError, match=r"^here\.share: "):
        check_bounds(Inner(share=2), "here")


def test_a_free_section_frees_what_it_holds():
    free = {key for key, _, is_free in leaves(Outer) if is_free}
    assert free == {"inner.high", *(f"fast.{field.name}" for field in dataclasses.fields(Inner))}


def test_what_has_no_bounds_says_nothing():
    assert [bounds(field) for field in dataclasses.fields(Inner)][-2:] == ["above 0", ""]
