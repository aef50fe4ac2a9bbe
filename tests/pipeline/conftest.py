from contextlib import ExitStack
from itertools import count

import pytest


@pytest.fixture
def updated_registry(loopback):
    """Return a registry with a tag that was updated since the digest that most tests' files contain."""
    for content in ("old", "new"):
        loopback.move("python", "3.12-slim", content)
    return loopback


@pytest.fixture
def start_stand(tmp_path):
    """Return a function that starts a forge in a new folder. The forges end after the test.

    The arguments of the function are the class of the forge (see `support.forges.stands`), and the files that its
    repository contains at first.
    """
    numbers = count()
    with ExitStack() as stands:

        def start(stand_class, files):
            stand = stand_class(tmp_path / f"forge-{next(numbers)}", files)
            stands.callback(stand.end)
            return stand

        yield start
