"""Limits on processor time that adapt to the current speed of this machine, so that load fails no test."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

QUIET_PACE = 0.012
"""Seconds that the loop takes on a quiet machine of the kind that the limits were chosen on."""
TRACED = 3
"""How much longer code takes while its coverage is measured."""


@contextmanager
def soon(seconds: float) -> Iterator[None]:
    """Claim that the body takes no more than `seconds` of a processor on a quiet machine.

    The limits are several times what the body takes, and a small part of what it would take if its work grew faster
    than what it is given.
    """
    pace = _pace()
    began = time.process_time()
    yield
    spent = time.process_time() - began
    slower = max(1.0, max(pace, _pace()) / QUIET_PACE) * (TRACED if sys.gettrace() is not None else 1)
    assert spent <= seconds * slower, f"{spent:.1f} s of a processor that is {slower:.1f} times slower than a quiet one"


def _pace() -> float:
    began = time.process_time()
    total = 0
    for number in range(300_000):
        total += number % 7
    return time.process_time() - began
