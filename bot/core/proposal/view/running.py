"""Template data for the clusters in which images run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bot.core.markdown import Plain, Text
from bot.core.proposal.view.scans import format_day
from bot.model.workload import RunningPlace, RunningUse

MAX_SHOWN = 5
"""The maximum number of namespaces of one image that are shown, and of own images."""


@dataclass(frozen=True, slots=True)
class RunningPlaceView:
    """The pods of one namespace that run an image."""

    name: Text
    """The cluster and the namespace: `prod/payments`."""
    pods: int
    as_of: Plain | None
    """The date on which they were found, if the cluster could not be read again; None if it was read now."""


@dataclass(frozen=True, slots=True)
class RunningView:
    """Where the image runs, or an own image that was built on it."""

    own_image: Text | None
    """The own image; None if the pods run the image itself."""
    places: tuple[RunningPlaceView, ...]
    """The namespaces with the most pods first, at most five."""
    places_cut: int
    """The number of namespaces that were left out."""


def build_running_views(uses: Sequence[RunningUse] | None) -> tuple[RunningView, ...]:
    """Return the data on where an image runs; empty if it runs nowhere, or if that is not known."""
    return tuple(
        RunningView(
            Text(use.own_image) if use.own_image is not None else None,
            tuple(map(_build_place_view, use.places[:MAX_SHOWN])),
            max(0, len(use.places) - MAX_SHOWN),
        )
        for use in (uses or ())[:MAX_SHOWN]
    )


def _build_place_view(place: RunningPlace) -> RunningPlaceView:
    as_of = format_day(place.as_of) if place.as_of is not None else None
    return RunningPlaceView(Text(f"{place.cluster}/{place.namespace}"), place.pods, as_of)
