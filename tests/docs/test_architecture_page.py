"""The page of the architecture shows how basebump is built, and stays a short read."""

from __future__ import annotations

import re
import tomllib

import pytest
from support.docs.prose import count_words
from support.docs.written import list_code_blocks, list_code_spans, read_page
from support.parts import ROOT

PAGE = read_page(ROOT / "docs" / "architecture.md")
PHASES, LAYERS = list_code_blocks(PAGE, "text")


def test_architecture_page_lists_the_layers_of_the_import_contract():
    layers = [re.findall(r"\w+", each) for each in LAYERS.split("▸")]
    contracts = tomllib.loads(read_page(ROOT / "pyproject.toml"))["tool"]["importlinter"]["contracts"]
    (checked,) = [each["layers"] for each in contracts if each["type"] == "layers" and "__main__" in each["layers"]]
    assert layers == [re.findall(r"\w+", each) for each in checked]


def test_architecture_page_has_at_most_2000_words():
    assert count_words(PAGE) <= 2000


@pytest.mark.parametrize("picture", [PHASES, LAYERS], ids=["phases", "layers"])
def test_diagram_on_the_architecture_page_fits_a_screen(picture):
    lines = picture.splitlines()
    assert len(lines) <= 24
    assert max(map(len, lines)) <= 90


def test_types_named_in_the_diagram_of_phases_exist_in_the_code():
    results = set(re.findall(r"(\w+)$", PHASES.partition("─\n")[2], re.MULTILINE))
    code = "".join(read_page(path) for path in (ROOT / "bot").rglob("*.py"))
    assert {each for each in results if not re.search(rf"^(?:class )?{each}\b", code, re.MULTILINE)} == set()


@pytest.mark.parametrize("name", ["architecture", "decisions", "proposal-life"])
def test_packages_and_modules_on_the_architecture_page_exist(name):
    spans = list_code_spans(read_page(ROOT / "docs" / f"{name}.md"))
    paths = {each for each in spans if re.fullmatch(r"(?:[a-z_]+/)+(?:\w+\.py)?|[a-z_]+\.py", each)}
    assert paths
    assert {each for each in paths if not any((ROOT / base / each).exists() for base in ("", "bot", "tests"))} == set()


def test_glossary_page_explains_exactly_twelve_words():
    rows = re.findall(r"^\| ([a-z]+) \|", read_page(ROOT / "docs" / "glossary.md"), re.MULTILINE)
    assert len([each for each in rows if each != "word"]) == 12
