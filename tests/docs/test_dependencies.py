"""What is depended on is meant, and the page of it is true."""

from __future__ import annotations

import ast
import re
import sys
from importlib.metadata import packages_distributions

import pytest
from support.parts import ROOT

from tools import dependencies_reference, man_page
from tools.dependencies import DEFAULT, EVERYTHING, LESSER, PERMISSIVE, licence, licences, locked, normalized, wanted

WANTED = wanted()
DEVELOPERS = {each.package for each in WANTED if each.group in dependencies_reference.DEVELOPERS}
USERS = {each.package for each in WANTED if each.group not in dependencies_reference.DEVELOPERS}
COMPANIONS = {"azure-core": "azure-identity", "botocore": "boto3", "markupsafe": "jinja2", "pydantic-core": "pydantic"}
"""What is imported as a part of something that is asked for: its types stand in that one's signatures."""
_SIZE = re.compile(r"\| [\d.]+ \|$|\d+ MB on disk", re.MULTILINE)
TESTED = ROOT / "tests" / "requirements.lock"


def test_every_direct_dependency_has_a_reason():
    assert len(WANTED) > len(USERS) > 0
    assert [f"{each.package} ({each.group})" for each in WANTED if not each.reason] == []


def test_the_page_of_dependencies_is_made_from_the_project_and_its_locks():
    text = dependencies_reference.PAGE.read_text(encoding="utf-8")
    assert _SIZE.sub("", dependencies_reference.page(text)) == _SIZE.sub("", text), "make docs"


@pytest.mark.skipif(sys.platform != "linux", reason="the sizes of the page are those of Linux")
def test_the_sizes_of_the_page_are_about_those_of_what_is_installed():
    page = dependencies_reference.PAGE.read_text(encoding="utf-8")
    said, is_now = (
        sum(map(float, re.findall(r"\| ([\d.]+) \|$", text, re.MULTILINE)))
        for text in (page, dependencies_reference.page(page))
    )
    assert said == pytest.approx(is_now, rel=0.25)


@pytest.mark.parametrize("package", locked(EVERYTHING))
def test_what_is_installed_is_under_a_licence_that_goes_with_ours(package):
    assert licences(licence(package)) <= PERMISSIVE | LESSER


def test_the_locks_hold_what_the_project_asks_for():
    default = {each.package for each in WANTED if each.group == "default"}
    for lock, asked in ((DEFAULT, default), (EVERYTHING, USERS), (TESTED, USERS | DEVELOPERS)):
        assert {each.package for each in locked(lock).values() if "basebump" in each.asked_by} == asked, lock.name


def test_tests_run_with_the_versions_of_the_locks():
    tested = {each.package: each.version for each in locked(TESTED).values()}
    for lock in (DEFAULT, EVERYTHING):
        assert {each.package: each.version for each in locked(lock).values()}.items() <= tested.items(), lock.name


def test_the_code_imports_what_the_project_asks_for_and_nothing_else():
    known = packages_distributions()
    imported = {normalized(name) for module in _imported() for name in known.get(module, [f"nothing has {module}"])}
    assert imported - USERS == imported & COMPANIONS.keys()
    assert {COMPANIONS[each] for each in imported & COMPANIONS.keys()} <= USERS
    read_by_name = {"psycopg", "tzdata"}
    assert USERS - imported == read_by_name


def _imported():
    for path in (ROOT / "bot").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [each.name for each in node.names] if isinstance(node, ast.Import) else []
            names += [node.module] if isinstance(node, ast.ImportFrom) and node.module and not node.level else []
            yield from {name.partition(".")[0] for name in names} - sys.stdlib_module_names - {"bot"}


def test_the_manual_is_made_from_the_commands():
    assert man_page.PAGE.read_text(encoding="utf-8") == man_page.page(), "make docs"


def test_no_word_of_the_manual_asks_anything_of_its_formatter():
    assert man_page.roff(".so /etc/passwd\n\\X'x' --a …") == r"\&.so /etc/passwd \eX'x' \-\-a \[u2026]"
    assert man_page.roff("'tis") == r"\&'tis"
