import pytest
from support.packaging.distributions import build
from support.parts import ROOT


@pytest.fixture(scope="session")
def built(tmp_path_factory):
    """Build what a release has of this checkout."""
    return build(ROOT, tmp_path_factory.mktemp("dist"))
