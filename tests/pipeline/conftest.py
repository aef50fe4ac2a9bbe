import pytest


@pytest.fixture
def moved(loopback):
    """Return a registry with a tag that was updated since the digest that most tests' files contain."""
    for content in ("old", "new"):
        loopback.move("python", "3.12-slim", content)
    return loopback
