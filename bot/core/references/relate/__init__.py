"""Apply cross-file facts to image references.

A cross-file fact is something that one file states and that affects image references in other files. For example, a
Renovate config states which images Renovate updates, so basebump must not update them. For each kind of facts, there is
a function that changes, locks or annotates the references of the whole tree. These functions are called relations.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from functools import partial
from operator import attrgetter
from typing import TYPE_CHECKING

from bot.core.budgets import TreeBudget
from bot.core.references.locking import lock_by_folder
from bot.model.extracted_item import ExtractedReferences

if TYPE_CHECKING:  # not imported at run time, because most small trees have no cross-file facts
    from bot.model.cross_file import CrossFileFact

    Relation = Callable[[ExtractedReferences, Sequence[CrossFileFact]], ExtractedReferences]


def apply_cross_file_facts(
    references_by_file: Iterable[ExtractedReferences],
    facts: Sequence[CrossFileFact],
    tree_budget: TreeBudget | None = None,
) -> ExtractedReferences:
    """Apply all cross-file facts to the references of a tree, and return them sorted by path and line.

    References in folders of tests, examples, archives and copies of other projects are locked as well.

    A cross-file fact is something that one file states about images in other files. For example, a Renovate config
    states which images Renovate updates. The references to these images are then locked.

    The steps in which facts are applied to references are taken from `tree_budget`, or from a new budget if it is None.

    Raises:
        WorkLimitError: If the budget is exceeded.
    """
    references: ExtractedReferences = tuple(
        reference for file_references in references_by_file for reference in file_references
    )
    fact_types = {type(cross_file) for cross_file in facts}
    for relation in _list_relations(fact_types, tree_budget or TreeBudget()) if facts else ():
        references = relation(references, facts)
    return tuple(sorted(lock_by_folder(references), key=attrgetter("path", "line_number")))


def _list_relations(fact_types: Collection[type[CrossFileFact]], tree_budget: TreeBudget) -> Iterator[Relation]:
    """Yield the functions that apply facts of the given types, in the order in which they must be called."""
    from bot.model import chart_facts, code_owners, cross_file

    yield from _list_variable_relations(fact_types, tree_budget)
    if chart_facts.ChartImage in fact_types:
        from bot.core.references.relate.values_files import merge_values_files

        yield partial(merge_values_files, tree_budget=tree_budget)
    if cross_file.DockerfileBuild in fact_types:
        from bot.core.references.relate.arguments import add_argument_notes

        yield add_argument_notes
    if cross_file.NamedBuildContext in fact_types:
        from bot.core.references.relate.build_contexts import lock_named_contexts

        yield lock_named_contexts
    if not {cross_file.TaskFileBuild, cross_file.RegistryTaskBuild, cross_file.PossibleTaskBuild}.isdisjoint(
        fact_types
    ):
        from bot.core.references.relate.acr_tasks import lock_task_base_images

        yield lock_task_base_images
    if cross_file.BuildOutput in fact_types:
        from bot.core.references.relate.build_outputs import lock_build_outputs

        yield partial(lock_build_outputs, tree_budget=tree_budget)
    yield from _list_chart_relations(fact_types)
    if cross_file.ImageUpdaterConfig in fact_types:
        from bot.core.references.relate.image_updater import lock_image_updater_targets

        yield partial(lock_image_updater_targets, tree_budget=tree_budget)
    if cross_file.Kustomization in fact_types:
        from bot.core.references.relate.kustomize import lock_replaced_images

        yield partial(lock_replaced_images, tree_budget=tree_budget)
    if code_owners.CodeOwners in fact_types:
        from bot.core.references.relate.code_owners import assign_owners

        yield partial(assign_owners, tree_budget=tree_budget)
    yield from _list_bot_relations(fact_types, tree_budget)


def _list_variable_relations(
    fact_types: Collection[type[CrossFileFact]], tree_budget: TreeBudget
) -> Iterator[Relation]:
    """Yield the functions that replace variables in images by values from other files."""
    from bot.model import cross_file

    if cross_file.InterpolatedImage in fact_types:
        from bot.core.references.relate.environment import add_interpolated_images

        yield add_interpolated_images
    if cross_file.FluxSubstitution in fact_types:
        from bot.core.references.relate.flux_variables import list_images_at_flux_variables

        yield partial(list_images_at_flux_variables, tree_budget=tree_budget)


def _list_chart_relations(fact_types: Collection[type[CrossFileFact]]) -> Iterator[Relation]:
    """Yield the functions that decide which images in values files of Helm charts can be edited."""
    from bot.model import chart_facts

    if chart_facts.ChartTemplate in fact_types:
        from bot.core.references.relate.chart_templates import unlock_templated_digests

        yield unlock_templated_digests

        from bot.core.references.relate.answered_templates import leave_out_answered_lines

        yield leave_out_answered_lines
    if chart_facts.ValuesFile in fact_types:
        from bot.core.references.relate.outside_charts import lock_values_outside_charts

        yield lock_values_outside_charts


def _list_bot_relations(fact_types: Collection[type[CrossFileFact]], tree_budget: TreeBudget) -> Iterator[Relation]:
    """Yield the functions that lock references which other bots, such as Renovate, update.

    They must be called after all others, because their lock is combined with the locks that the others set.
    """
    from bot.model import cross_file

    if cross_file.RenovateConfig in fact_types:
        from bot.core.references.relate.renovate import assign_to_renovate

        yield partial(assign_to_renovate, tree_budget=tree_budget)
    if cross_file.DependabotConfig in fact_types:
        from bot.core.references.relate.dependabot import assign_to_dependabot

        yield partial(assign_to_dependabot, tree_budget=tree_budget)
