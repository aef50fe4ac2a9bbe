"""Hashes of values: equal in every process for equal values, and different otherwise."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.inventory.value_hashes import hash_values

_WORDS = st.text(max_size=4)
_VALUES = st.recursive(
    _WORDS | st.none(),
    lambda inner: (
        st.lists(inner, max_size=3).map(tuple)
        | st.frozensets(_WORDS, max_size=3)
        | st.dictionaries(_WORDS, inner, max_size=3)
    ),
    max_leaves=6,
)


class SampleEnum(Enum):
    RED = "red"


@dataclass(frozen=True)
class SamplePair:
    first: object
    second: object


@given(_VALUES, _VALUES)
def test_hashes_are_equal_exactly_if_the_values_are_equal(first, second):
    assert (hash_values((first,)) == hash_values((second,))) is (first == second)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (("ab", "c"), ("a", "bc")),
        ((("a",), "b"), (("a", "b"),)),
        ((1,), ("1",)),
        ((True,), (1,)),
        ((None,), ("None",)),
        ((SamplePair("a", "b"),), (SamplePair("b", "a"),)),
        (({"a": "b"},), ({"b": "a"},)),
        ((frozenset("ab"),), (("a", "b"),)),
    ],
)
def test_values_that_differ_in_nesting_boundaries_or_types_have_different_hashes(first, second):
    assert hash_values(first) != hash_values(second)


def test_hash_of_values_is_the_same_in_each_process():
    value = "frozenset(map(str, range(50))), {'b': 1, 'a': (None, 2.5)}"
    script = f"from bot.core.inventory.value_hashes import hash_values; print(hash_values(({value})))"
    texts = {
        subprocess.run(
            [sys.executable, "-c", script],
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(sys.path)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2", "3")
    }
    assert len(texts) == 1


def test_dataclasses_enums_and_times_can_be_hashed():
    value = SamplePair(SampleEnum.RED, datetime(2026, 11, 28, tzinfo=UTC))
    assert hash_values((value,)) == hash_values((SamplePair(SampleEnum.RED, datetime(2026, 11, 28, tzinfo=UTC)),))
    assert len(hash_values((value,))) == 32


def test_object_without_stable_text_cannot_be_hashed():
    with pytest.raises(TypeError, match="a object has no text"):
        hash_values((object(),))
