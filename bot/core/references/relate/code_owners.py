"""Assign the owners of files to the image references in these files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from bot.core.budgets import TreeBudget
from bot.core.globs import is_any_glob_match
from bot.model.code_owners import CodeOwners, OwnerRule
from bot.model.cross_file import CrossFileFact
from bot.model.extracted_item import ExtractedReferences
from bot.model.source import FilePath, Reference


def assign_owners(
    references: ExtractedReferences, facts: Sequence[CrossFileFact], tree_budget: TreeBudget
) -> ExtractedReferences:
    """Return the references with the owners of their files.

    In each section of the file, the last rule that matches a path applies. The owners of several sections are combined.

    Raises:
        WorkLimitError: If matching the rules with the paths of all references exceeds the budget.
    """
    code_owners = next(fact for fact in facts if isinstance(fact, CodeOwners))
    for rule in (rule for section in code_owners.sections for rule in section):
        tree_budget.spend_pattern(rule.pattern, code_owners.path)
    owners: dict[FilePath, tuple[str, ...]] = {}
    for path in dict.fromkeys(reference.path for reference in references):
        found = [_find_owners(section, path, code_owners.path, tree_budget) for section in code_owners.sections]
        owners[path] = tuple(dict.fromkeys(owner for section_owners in found for owner in section_owners))
    return tuple(
        replace(reference, owners=owners[reference.path]) if isinstance(reference, Reference) else reference
        for reference in references
    )


def _find_owners(
    rules: Sequence[OwnerRule], path: FilePath, subject: FilePath, tree_budget: TreeBudget
) -> tuple[str, ...]:
    for rule in reversed(rules):
        tree_budget.spend_comparison(len(rule.pattern), path, subject)
        if is_any_glob_match(_convert_pattern(rule.pattern), path):
            return rule.owners
    return ()


def _convert_pattern(pattern: str) -> tuple[str, ...]:
    """Return the globs for the paths that a pattern matches.

    A pattern with a `/` that is not at its end starts at the root of the repository. All other patterns match in every
    folder. A pattern for a folder matches all files below it, unless it ends with `/*`.
    """
    body = pattern.rstrip("/")
    body = body.removeprefix("/") if "/" in body else f"**/{body}"
    if pattern.endswith("/*"):
        return (body,)
    return (f"{body}/**",) if pattern.endswith("/") else (body, f"{body}/**")
