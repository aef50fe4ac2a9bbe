import pytest
from support.packaging.distributions import build_distributions
from support.packaging.released_images import share_images
from support.parts import ROOT


@pytest.fixture(scope="session")
def distributions(tmp_path_factory):
    """Build the distributions of this checkout."""
    return build_distributions(ROOT, tmp_path_factory.mktemp("dist"))


@pytest.fixture(scope="session")
def buildah(tmp_path_factory):
    """Return the builder with the images of a release."""
    shared = tmp_path_factory.getbasetemp()
    with share_images(shared.parent if shared.name.startswith("popen-") else shared) as builder:
        yield builder
