import pytest


@pytest.fixture
def moved(loopback):
    """Return a registry in which one tag moved on from what the files of most tests hold."""
    for content in ("old", "new"):
        loopback.move("python", "3.12-slim", content)
    return loopback
