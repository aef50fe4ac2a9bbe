import pytest
from support.worlds import Loopback

from bot.demo.images import ImageStore
from bot.demo.registry import LoopbackRegistry


@pytest.fixture
def loopback():
    store = ImageStore()
    with LoopbackRegistry(store) as registry:
        yield Loopback(registry, store)


@pytest.fixture
def moved(loopback):
    """Return a registry in which one tag moved on from what the files of most tests hold."""
    for content in ("old", "new"):
        loopback.move("python", "3.12-slim", content)
    return loopback
