"""Values files that are not in the folder of a chart, such as those that a HelmRelease or Argo CD passes to a chart."""

from __future__ import annotations

from collections.abc import Sequence

from bot.core.references.locking import lock_references_if
from bot.core.references.relate.folders import get_folder
from bot.core.references.relate.values_folders import ValuesFolders
from bot.model.chart_facts import ChartMetadata
from bot.model.cross_file import CrossFileFact
from bot.model.extracted_item import ExtractedReferences
from bot.model.source import Reference
from bot.model.vocabulary import Reason

_FORMAT = "helm"


def lock_values_outside_charts(references: ExtractedReferences, facts: Sequence[CrossFileFact]) -> ExtractedReferences:
    """Lock the images in values files outside of charts, because the chart that uses the values is unknown.

    The reason is `chart-unknown`. An image that already has a digest is not locked, because the chart supports it. The
    chart is known if other files pass the values file to a chart in the tree, and to no other chart.
    """
    charts = {get_folder(fact.path) for fact in facts if isinstance(fact, ChartMetadata)}
    values_folders = ValuesFolders(facts)

    def should_lock(reference: Reference) -> bool:
        is_unpinned = reference.format == _FORMAT and reference.image.digest is None
        return is_unpinned and charts.isdisjoint(values_folders.list_folders(reference.path))

    return lock_references_if(references, Reason.CHART_UNKNOWN, should_lock)
