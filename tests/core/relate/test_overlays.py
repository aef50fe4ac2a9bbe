"""Values that are laid over those of a chart mean images on the chart's registry."""

from __future__ import annotations

import pytest

from bot.core.relate.overlays import inherit_registries
from bot.formats._syntax.places import Place
from bot.model.remark import ChartRegistry
from bot.model.source import Closed, FilePath, Slot
from bot.model.vocabulary import Reason, Role


def inherited(registry, path, *, is_certain=True, text="acme/ui:1", format_name="helm"):
    place = Place(FilePath(path), format_name, Role.THIRD_PARTY, 1, "0/ui/image").read(text, 5)
    remark = ChartRegistry(FilePath("chart/values.yaml"), "0/ui/image", registry, is_certain)
    (related,) = inherit_registries((place,), (remark,))
    return related


@pytest.mark.parametrize("path", ["chart/values-prod.yaml", "chart/ci/values.yaml", "chart/values/prod.yaml"])
def test_files_beside_and_below_the_values_of_a_chart_have_its_registry(path):
    related = inherited("ghcr.io", path)
    assert related.reference.repository == "ghcr.io/acme/ui"
    assert isinstance(related.digest, Slot)


@pytest.mark.parametrize("path", ["values.yaml", "other/values-prod.yaml", "chart/a/b/values.yaml"])
def test_files_elsewhere_have_not(path):
    assert inherited("ghcr.io", path).reference.repository == "docker.io/acme/ui"


def test_a_registry_of_its_own_stays():
    assert inherited("ghcr.io", "chart/values-prod.yaml", text="quay.io/acme/ui:1").reference.host == "quay.io"


def test_other_formats_know_nothing_of_charts():
    related = inherited("ghcr.io", "chart/values-prod.yaml", format_name="compose")
    assert related.reference.repository == "docker.io/acme/ui"


@pytest.mark.parametrize(("registry", "is_certain"), [("ghcr.io", False), ("{{ .Values.registry }}", True)])
def test_where_the_registry_is_not_known_nothing_is_written(registry, is_certain):
    related = inherited(registry, "chart/values-prod.yaml", is_certain=is_certain)
    assert isinstance(related.digest, Closed)
    assert related.digest.reason is Reason.CHART_UNKNOWN
