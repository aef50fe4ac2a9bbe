import pytest
from support.distributions import build
from support.parts import ROOT
from support.worlds import Loopback

from bot.demo.images import ImageStore
from bot.demo.registry import LoopbackRegistry


@pytest.fixture(scope="session")
def built(tmp_path_factory):
    """Build what a release has of this checkout."""
    return build(ROOT, tmp_path_factory.mktemp("dist"))


@pytest.fixture
def loopback():
    store = ImageStore()
    with LoopbackRegistry(store) as registry:
        yield Loopback(registry, store)
