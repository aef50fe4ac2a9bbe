"""Dependencies have reasons, compatible licences and a row on their page; the code imports no other packages."""

from __future__ import annotations

import ast
import re
import sys
from importlib.metadata import packages_distributions

import pytest
from support.packaging.dependencies import (
    DEFAULT,
    EVERYTHING,
    LESSER,
    PERMISSIVE,
    find_licence,
    list_direct_dependencies,
    normalise_name,
    read_lock,
    split_expression,
)
from support.parts import ROOT

from tools import man_page

PAGE = ROOT / "docs" / "dependencies.md"
DEPENDENCIES = list_direct_dependencies()
DEVELOPER_GROUPS = {"test", "lint"}
DEVELOPERS = {each.package for each in DEPENDENCIES if each.group in DEVELOPER_GROUPS}
USERS = {each.package for each in DEPENDENCIES if each.group not in DEVELOPER_GROUPS}
COMPANIONS = {"azure-core": "azure-identity", "botocore": "boto3", "markupsafe": "jinja2", "pydantic-core": "pydantic"}
"""What is imported as a part of something that is asked for: its types stand in that one's signatures."""
TESTED = ROOT / "tests" / "requirements.lock"


def test_every_direct_dependency_has_a_reason():
    assert len(DEPENDENCIES) > len(USERS) > 0
    assert [f"{each.package} ({each.group})" for each in DEPENDENCIES if not each.reason] == []


@pytest.mark.parametrize(
    "dependency", [each for each in DEPENDENCIES if each.group not in DEVELOPER_GROUPS], ids=lambda each: each.package
)
def test_dependencies_page_has_a_row_for_each_direct_dependency(dependency):
    extra = "" if dependency.group == "default" else f" (`{dependency.group}`)"
    terms = find_licence(dependency.package)
    mark = " ¹" if split_expression(terms) & LESSER else ""
    row = f"| {dependency.package}{extra} | {dependency.reason} | {terms}{mark} |"
    assert row in PAGE.read_text(encoding="utf-8").splitlines()


def test_dependencies_page_has_no_row_for_indirect_dependencies():
    rows = re.findall(r"^\| ([a-z0-9-]+)(?: \(`[a-z]+`\))? \| .* \|$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(set(rows) - {"package"}) == sorted(USERS)


def test_dependencies_page_names_every_package_with_weak_copyleft_licence():
    lesser = {package for package in read_lock(EVERYTHING) if split_expression(find_licence(package)) & LESSER}
    assert {package for package in lesser if package not in PAGE.read_text(encoding="utf-8")} == set()


@pytest.mark.parametrize("package", read_lock(EVERYTHING))
def test_licence_of_each_installed_package_is_compatible(package):
    assert split_expression(find_licence(package)) <= PERMISSIVE | LESSER


def test_lock_files_contain_exactly_the_declared_dependencies():
    default = {each.package for each in DEPENDENCIES if each.group == "default"}
    for lock, asked in ((DEFAULT, default), (EVERYTHING, USERS), (TESTED, USERS | DEVELOPERS)):
        assert {each.package for each in read_lock(lock).values() if "basebump" in each.required_by} == asked, lock.name


def test_test_lock_file_has_the_same_versions_as_the_other_lock_files():
    tested = {each.package: each.version for each in read_lock(TESTED).values()}
    for lock in (DEFAULT, EVERYTHING):
        assert {each.package: each.version for each in read_lock(lock).values()}.items() <= tested.items(), lock.name


def test_code_imports_exactly_the_declared_dependencies():
    known = packages_distributions()
    imported = {
        normalise_name(name) for module in list_imports() for name in known.get(module, [f"nothing has {module}"])
    }
    assert imported - USERS == imported & COMPANIONS.keys()
    assert {COMPANIONS[each] for each in imported & COMPANIONS.keys()} <= USERS
    read_by_name = {"psycopg", "tzdata"}  # SQLAlchemy imports psycopg
    assert USERS - imported == read_by_name


def list_imports():
    for path in (ROOT / "bot").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [each.name for each in node.names] if isinstance(node, ast.Import) else []
            names += [node.module] if isinstance(node, ast.ImportFrom) and node.module and not node.level else []
            yield from {name.partition(".")[0] for name in names} - sys.stdlib_module_names - {"bot"}


def test_man_page_is_generated_from_the_commands():
    assert man_page.PAGE.read_text(encoding="utf-8") == man_page.render_page(), "make docs"


def test_man_page_text_is_escaped_for_roff():
    assert man_page.escape_roff(".so /etc/passwd\n\\X'x' --a …") == r"\&.so /etc/passwd \eX'x' \-\-a \[u2026]"
    assert man_page.escape_roff("'tis") == r"\&'tis"
