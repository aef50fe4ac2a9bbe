"""Budgets for the work that the files of a repository can cause.

Many costs are products of two sizes that the authors of a repository choose, such as the number of rules and the number
of image references. The limit of each single size does not bound such a product, so the work itself is counted.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

from bot.model.cost_limits import (
    COMPARED_BYTES,
    MAX_RUN_REFERENCES,
    MAX_TREE_BYTES,
    MAX_TREE_EDITED_BYTES,
    MAX_TREE_FACTS,
    MAX_TREE_PATH_CHARACTERS,
    MAX_TREE_PATTERN_BYTES,
    MAX_TREE_READ_BYTES,
    MAX_TREE_REFERENCES,
    MAX_TREE_STEPS,
    MIN_PATTERN_BYTES,
    RELATED_ITEM_BYTES,
    STEP_BYTES,
)
from bot.model.errors import TreeError


class WorkLimitError(TreeError):
    """Raised if the files of one tree would cause more work than basebump accepts for one tree."""


@dataclass(slots=True)
class RunBudget:
    """The image references that the trees of a run may still contain together. Threads share the object."""

    references: int = MAX_RUN_REFERENCES
    lock: threading.Lock = field(default_factory=threading.Lock)

    def take_references(self, count: int) -> bool:
        """Subtract `count` references and return True. If fewer are left, return False and subtract nothing."""
        with self.lock:
            if count > self.references:
                return False
            self.references -= count
            return True


@dataclass(slots=True)
class TreeBudget:
    """The work that the files of one tree may still cause."""

    run_budget: RunBudget = field(default_factory=RunBudget)
    references: int = MAX_TREE_REFERENCES
    facts: int = MAX_TREE_FACTS
    content_bytes: int = MAX_TREE_BYTES
    read_bytes: int = MAX_TREE_READ_BYTES
    steps: int = MAX_TREE_STEPS
    pattern_bytes: int = MAX_TREE_PATTERN_BYTES
    path_characters: int = MAX_TREE_PATH_CHARACTERS

    def spend_path(self, path: str) -> None:
        """Subtract the characters of the path of a file in the tree.

        Raises:
            WorkLimitError: If fewer characters are left.
        """
        self.path_characters -= len(path)
        if self.path_characters < 0:
            raise WorkLimitError(
                f"the paths of all files have more than {MAX_TREE_PATH_CHARACTERS} characters, the limit for one "
                "repository; hint: split the repository, or remove generated files"
            )

    def take_file(self, references: int, facts: int, size: int) -> str:
        """Subtract the contents of one file.

        If this exceeds the budget, return the exceeded limit as a text. Otherwise, the text is empty.

        Args:
            references: The number of image references in the file.
            facts: The number of cross-file facts in the file.
            size: The size of the file in bytes.
        """
        kept_size = size if references or facts else 0  # files without images are not kept in memory
        if references > self.references:
            return f"{MAX_TREE_REFERENCES} image references in one repository"
        if facts > self.facts:
            return f"{MAX_TREE_FACTS} facts about image references in one repository"
        if size > self.read_bytes:
            return f"{MAX_TREE_READ_BYTES} bytes of files in one repository"
        if kept_size > self.content_bytes:
            return f"{MAX_TREE_BYTES} bytes of files with images in one repository"
        if references and not self.run_budget.take_references(references):
            return f"{MAX_RUN_REFERENCES} image references in all repositories of a run"
        self.references -= references
        self.facts -= facts
        self.content_bytes -= kept_size
        self.read_bytes -= size
        return ""

    def spend_added_references(self, count: int) -> None:
        """Subtract image references that no single file contains, such as those that a values file inherits.

        Raises:
            WorkLimitError: If fewer references are left.
        """
        exceeded_limit = self.take_file(count, 0, 0)
        if exceeded_limit:
            raise WorkLimitError(
                f"together with the values that files inherit from each other, there are more than {exceeded_limit}; "
                "hint: split the repository, or remove generated files"
            )

    def spend_steps(self, count: int, subject: str) -> None:
        """Subtract `count` steps. A step is a rule, pattern or path that is compared with one image reference.

        Args:
            count: The number of steps.
            subject: The file or the kind of files that causes the steps, for the message of the error.

        Raises:
            WorkLimitError: If fewer steps are left.
        """
        self.steps -= count
        if self.steps < 0:
            raise WorkLimitError(
                f"{subject}: applying the file to all image references needs more than {MAX_TREE_STEPS} steps, the "
                "limit for one repository; hint: reduce the number of rules and patterns"
            )

    def spend_comparison(self, pattern_size: int, value: str, subject: str) -> None:
        """Subtract the steps for matching a pattern of `pattern_size` bytes or instructions with `value`.

        Raises:
            WorkLimitError: If fewer steps are left.
        """
        self.spend_steps(1 + pattern_size * len(value) // COMPARED_BYTES, subject)

    def spend_pattern(self, pattern: str, subject: str) -> None:
        """Subtract the bytes of a pattern that is compiled. Compiled patterns stay in memory as long as they are used.

        Raises:
            WorkLimitError: If fewer bytes are left.
        """
        self.pattern_bytes -= max(len(pattern), MIN_PATTERN_BYTES)
        if self.pattern_bytes < 0:
            raise WorkLimitError(
                f"{subject}: the patterns of the repository exceed the limit of {MAX_TREE_PATTERN_BYTES} bytes (each "
                f"pattern counts as at least {MIN_PATTERN_BYTES} bytes); hint: use fewer patterns"
            )


@dataclass(slots=True)
class EditBudget:
    """The work that verifying the edits of all proposals for one repository may still cause, in bytes of files."""

    edited_bytes: int = MAX_TREE_EDITED_BYTES

    @property
    def is_exhausted(self) -> bool:
        return self.edited_bytes <= 0

    def spend_file(self, size: int) -> None:
        """Subtract a file of `size` bytes that is edited and parsed again."""
        self.edited_bytes -= size

    def spend_relation(self, item_count: int, tree_budget: TreeBudget) -> None:
        """Subtract the work of relating the references of the whole tree again.

        Args:
            item_count: The number of references and facts in the tree.
            tree_budget: The budget from which the relation took its steps. It was unused before.
        """
        self.edited_bytes -= item_count * RELATED_ITEM_BYTES + (MAX_TREE_STEPS - tree_budget.steps) * STEP_BYTES
