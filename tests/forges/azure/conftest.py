"""The stands of the tests for Azure Repos."""

from __future__ import annotations

import pytest
from support.forges.azure.stand import AzureStand
from support.forges.github import scene
from support.forges.watched import WatchedStand


@pytest.fixture
def stand(tmp_path):
    """Return an organization with one repository in it."""
    stand = AzureStand(tmp_path / "azure", scene.FILES)
    yield stand
    stand.end()


@pytest.fixture
def watched_stand(stand):
    """Return the same, with a fleet that writes down for how long it would have waited."""
    return WatchedStand(stand)
