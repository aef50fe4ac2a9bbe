"""Wait until another thread or process has done something."""

from __future__ import annotations

import time
from collections.abc import Callable


def wait_until(is_true: Callable[[], object], seconds: float = 60.0, interval: float = 0.02) -> float:
    """Call a function every `interval` seconds until it returns a true value. Return the seconds that it took."""
    began = time.monotonic()
    while not is_true():
        if time.monotonic() - began > seconds:
            raise TimeoutError(f"not true after {seconds} s")
        time.sleep(interval)
    return time.monotonic() - began
