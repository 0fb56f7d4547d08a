"""What is opened when it is first used."""

from __future__ import annotations

from contextlib import contextmanager
from types import SimpleNamespace

import pytest

from autoif_train.lazy import Lazy


@pytest.fixture
def moments():
    return []


@pytest.fixture
def opens(moments):
    @contextmanager
    def opens():
        moments.append("opened")
        yield SimpleNamespace(name="door")
        moments.append("closed")

    return opens


def test_what_nobody_uses_is_never_opened(opens, moments):
    with Lazy(opens):
        pass
    assert moments == []


def test_it_is_opened_once_and_closed_with_its_block(opens, moments):
    with Lazy(opens) as door:
        assert (door.name, door.name) == ("door", "door")
        assert moments == ["opened"]
    assert moments == ["opened", "closed"]


def test_it_can_be_opened_before_it_is_used(opens, moments):
    with Lazy(opens) as door:
        assert door.open().name == "door"
        assert moments == ["opened"]


def test_an_error_of_the_opening_is_told_where_it_is_first_used():
    @contextmanager
    def fails():
        raise AttributeError("no such door")
        yield

    with pytest.raises(AttributeError, match="no such door"), Lazy(fails) as door:
        _ = door.name
