"""Count the steps and the memory of some work, to show that they grow in proportion to its input.

Times depend on the machine. The number of calls and of allocated bytes does not.
"""

from __future__ import annotations

import gc
import sys
import tracemalloc
from collections.abc import Callable
from types import FrameType
from typing import Any

LINEAR = 2.3
"""The largest ratio of the costs of two inputs, one of which is twice as long, that counts as linear."""


def count_calls(work: Callable[[], object]) -> int:
    """Return the number of calls of Python functions, generators and built-in functions that `work` makes."""
    count = 0

    def count_call(_frame: FrameType, event: str, _argument: Any) -> None:
        nonlocal count
        count += event in {"call", "c_call"}

    earlier = sys.getprofile()
    sys.setprofile(count_call)
    try:
        work()
    finally:
        sys.setprofile(earlier)
    return count


def measure_peak(work: Callable[[], object]) -> int:
    """Return the largest number of bytes that `work` allocates at the same time."""
    gc.collect()
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def assert_linear(work: Callable[[int], object], size: int) -> None:
    """Check that `work` makes at most LINEAR times as many calls for twice the size.

    The argument of `work` is a size. The work for another size is done first, so that imports and caches do not count.
    """
    work(size // 2)
    small, large = count_calls(lambda: work(size)), count_calls(lambda: work(2 * size))
    assert large <= LINEAR * small, f"{small} calls for a size of {size}, and {large} calls for twice the size"
