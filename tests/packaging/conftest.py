import pytest
from support.worlds import Loopback

from bot.demo.images import ImageStore
from bot.demo.registry import LoopbackRegistry


@pytest.fixture
def loopback():
    store = ImageStore()
    with LoopbackRegistry(store) as registry:
        yield Loopback(registry, store)
