"""Application of cross-file facts: what one file says about image references in other files."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from bot.model.found import ExtractedReferences

if TYPE_CHECKING:  # most small trees have no cross-file facts, and start-up must not import their module
    from bot.model.remark import CrossFileFact

    Relation = Callable[[ExtractedReferences, Sequence[CrossFileFact]], ExtractedReferences]


def relate(places: Iterable[ExtractedReferences], remarks: Sequence[CrossFileFact]) -> ExtractedReferences:
    """Return the references of a tree after all cross-file facts are applied, ordered by path and line."""
    related: ExtractedReferences = tuple(place for of_file in places for place in of_file)
    for relation in _relations({type(remark) for remark in remarks}) if remarks else ():
        related = relation(related, remarks)
    return tuple(sorted(related, key=lambda place: (place.path, place.line_number)))


def _relations(kinds: Collection[type[CrossFileFact]]) -> Iterator[Relation]:
    """Yield the relations for these types of facts, in the order in which they are applied."""
    from bot.model import remark

    if remark.InterpolatedImage in kinds:
        from bot.core.places.relate.environment import add_interpolated

        yield add_interpolated
    if remark.ChartImage in kinds:
        from bot.core.places.relate.overlays import lay_over

        yield lay_over
    if remark.BuildArgumentSetting in kinds:
        from bot.core.places.relate.arguments import note_set_arguments

        yield note_set_arguments
    if not {remark.TaskFileBuild, remark.RegistryTaskBuild, remark.PossibleTaskBuild}.isdisjoint(kinds):
        from bot.core.places.relate.tasks import close_built_by_tasks

        yield close_built_by_tasks
    if remark.BuildOutput in kinds:
        from bot.core.places.relate.outputs import close_build_outputs

        yield close_build_outputs
    if remark.ChartTemplate in kinds:
        from bot.core.places.relate.charts import open_what_templates_take

        yield open_what_templates_take
    if remark.ImageUpdaterConfig in kinds:
        from bot.core.places.relate.writers import close_written_elsewhere

        yield close_written_elsewhere
    if remark.Kustomization in kinds:
        from bot.core.places.relate.kustomize import close_replaced

        yield close_replaced
    yield from _relations_to_other_bots(kinds)


def _relations_to_other_bots(kinds: Collection[type[CrossFileFact]]) -> Iterator[Relation]:
    """Yield the relations to other bots. They come last, because they take precedence over all other reasons."""
    from bot.model import remark

    if remark.RenovateConfig in kinds:
        from bot.core.places.relate.renovate import leave_to_renovate

        yield leave_to_renovate
    if remark.DependabotConfig in kinds:
        from bot.core.places.relate.dependabot import leave_to_dependabot

        yield leave_to_dependabot
