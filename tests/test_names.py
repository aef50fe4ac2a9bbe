"""Names of tests and of test helpers follow the rules of the project for names, and docstrings those for text.

A test is named `test_<subject>_<behaviour>[_when_<condition>]`, and a helper class has at least two words. At most
5 % of the test names of a folder may break a rule, because some words are rightly used in a name. A docstring of a
class, a function or a module in `tests/support` or a `conftest.py` starts with the thing or the effect.
"""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
MAX_LENGTH = 80
MAX_SHARE = 5

NOT_A_SUBJECT = re.compile(r"test_(a|an|the|of|with|without|that|this|these|those|who|one)_")
PRONOUN = re.compile(
    r"_(it|its|they|them|their|what|where|whose|whom|nobody|somebody|nothing|anew|else|elsewhere|all_of_them)(_|$)"
    r"|_(is|are)_(no|none)(_|$)|_one$"
)
SINGLE_WORD = re.compile(r"_?[A-Z][a-z0-9]*")
NOT_AN_EFFECT = re.compile(
    r"(Say|Tell|What|Whether|Who|Somebody|Nobody|Whoever|Everything)\b|(Return|Yield) (what|who|whoever|somebody)\b"
)


@dataclass(frozen=True)
class FolderNames:
    """The names of a folder, and a description of every name that breaks a rule."""

    total: int
    bad: list[str]

    @property
    def bad_share(self):
        """Share of bad names in percent."""
        return 100 * len(self.bad) / self.total


def find_test_name_problem(name):
    if len(name) > MAX_LENGTH:
        return f"is longer than {MAX_LENGTH} characters"
    if NOT_A_SUBJECT.match(name):
        return "does not start with its subject"
    if match := PRONOUN.search(name):
        return f"has {match.group().strip('_')!r} in place of a noun, or in place of if, when or not"
    return None


@cache
def list_definitions(path):
    """List the nodes of a file that have a name or a docstring: the module, and its classes and functions."""
    kinds = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    return [node for node in ast.walk(ast.parse(path.read_bytes())) if isinstance(node, kinds)]


def find_docstring_problems(path):
    """Yield a description of every docstring in a file whose first words do not name the effect."""
    for node in list_definitions(path):
        docstring = ast.get_docstring(node) or ""
        if match := NOT_AN_EFFECT.match(docstring):
            yield f"{path.relative_to(TESTS)}: {docstring.splitlines()[0]!r} starts with {match.group()!r}"


def find_class_name_problem(name):
    return "is a single word" if SINGLE_WORD.fullmatch(name) else None


def collect_names(node_types, is_collected, find_problem):
    """Group names by folder: the first folder below `tests`, or below `tests/support`."""
    totals = defaultdict(int)
    bad = defaultdict(list)
    for path in sorted(TESTS.rglob("*.py")):
        relative = path.relative_to(TESTS)
        depth = 2 if relative.parts[0] == "support" else 1
        folder = "/".join(relative.parts[:-1][:depth]) or "."
        for node in list_definitions(path):
            if isinstance(node, node_types) and is_collected(node.name):
                totals[folder] += 1
                if problem := find_problem(node.name):
                    bad[folder].append(f"{relative}:{node.lineno}: {node.name} {problem}")
    return {folder: FolderNames(total, bad[folder]) for folder, total in totals.items()}


def test_test_names_have_subject_and_behaviour():
    folders = collect_names(
        (ast.FunctionDef, ast.AsyncFunctionDef), lambda name: name.startswith("test_"), find_test_name_problem
    )
    assert "core" in folders
    assert not ["\n".join(names.bad) for names in folders.values() if names.bad_share > MAX_SHARE]


def test_helper_classes_have_specific_names():
    folders = collect_names(ast.ClassDef, lambda name: not name.startswith("Test"), find_class_name_problem)
    assert "support/forges" in folders
    assert not [problem for names in folders.values() for problem in names.bad]


def test_docstrings_of_helpers_start_with_effect():
    paths = [*(TESTS / "support").rglob("*.py"), *TESTS.rglob("conftest.py")]
    assert not [problem for path in paths for problem in find_docstring_problems(path)]


@pytest.mark.parametrize(
    "name",
    [
        "test_the_pipeline_is_checked",
        "test_of_two_limits_the_stricter_holds",
        "test_what_is_held_is_reported",
        "test_older_image_is_no_downgrade",
        "test_platforms_are_none_if_unknown",
        "test_file_names_its_registry",
        "test_stale_branch_is_made_anew",
        "test_digest_replaces_the_old_one",
        "test_" + "x" * MAX_LENGTH,
    ],
)
def test_bad_test_name_is_detected(name):
    assert find_test_name_problem(name)


@pytest.mark.parametrize(
    "name", ["test_refuses_digest_from_other_registry", "test_digest_that_breaks_ci_is_held", "test_reads_one_page"]
)
def test_good_test_name_is_accepted(name):
    assert find_test_name_problem(name) is None


@pytest.mark.parametrize(
    ("name", "is_bad"), [("Desk", True), ("_Told", True), ("FakeClock", False), ("TCPHandler", False)]
)
def test_class_name_of_a_single_word_is_detected(name, is_bad):
    assert bool(find_class_name_problem(name)) == is_bad
