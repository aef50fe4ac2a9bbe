"""What the pages say is true."""

import re
from dataclasses import fields
from typing import get_args

import click
import pytest
from support.docs.written import COMMANDS, read_page
from support.parts import ROOT

from bot.formats import load_all_formats
from bot.model.evidence import UnscannedReason
from bot.model.vocabulary import Reason
from bot.settings import load
from bot.settings.sections.scanners import AnyScannerEntry
from tools import kinds_reference, view_reference, vocabulary_reference

SCANNER_KINDS = {fields(each)[0].default for each in get_args(AnyScannerEntry)}
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_vocabulary_page_is_generated_from_the_model():
    page = vocabulary_reference.PAGE.read_text(encoding="utf-8")
    assert page == vocabulary_reference.render_page().rstrip() + "\n", "python -m tools.vocabulary_reference"


def test_table_on_files_page_is_generated_from_the_kinds_of_files():
    page = kinds_reference.PAGE.read_text(encoding="utf-8")
    assert page == kinds_reference.render_page(page), "python -m tools.kinds_reference"


def test_files_page_names_every_format():
    table = kinds_reference.PAGE.read_text(encoding="utf-8").partition("\n\nTo read files with other names")[0]
    named = {
        name for row in re.findall(r"^\| (`.*?) \|", table, re.MULTILINE) for name in re.findall(r"`([\w-]+)`", row)
    }
    assert named == {file_format.name for file_format in load_all_formats()}


def test_files_page_names_only_reasons_and_formats_that_exist():
    words = set(re.findall(r"`([a-z]+(?:-[a-z]+)+)`", kinds_reference.PAGE.read_text(encoding="utf-8")))
    formats = {file_format.name for file_format in load_all_formats()}
    other_names = {"exclude-paths", "target-branch", "update-types", "jib-maven-plugin", "noble-chiseled"}
    other_names |= {"dockerfile-inline", "docker-compose", "driver-opts", "build-args", "integration-tests"}
    known = {reason.value for reason in Reason} | formats | other_names
    assert words <= known


def test_commands_page_names_every_command():
    table = read_page(ROOT / "docs" / "commands.md")
    named = set(re.findall(r"`(basebump (?:config )?[a-z]+)", table))
    assert named == {" ".join(words) for words in COMMANDS}


def test_every_command_and_option_has_help():
    for words, command in COMMANDS.items():
        assert command.help, words
        for parameter in command.params:
            assert isinstance(parameter, click.Argument) or parameter.help, (words, parameter.name)


def test_readme_has_at_most_900_words_and_shows_make_demo_in_the_first_25_lines():
    assert len(README.split()) <= 900
    assert README.partition("make demo")[0].count("\n") < 25


def test_config_in_the_readme_is_valid(tmp_path):
    (example,) = re.findall(r"```yaml\n(schema:.*?)```", README, re.DOTALL)
    path = tmp_path / "basebump.yaml"
    path.write_text(example, encoding="utf-8")
    load(path, requires_forges=True)


def test_evidence_page_lists_every_reason_why_an_image_was_not_scanned():
    table = (ROOT / "docs" / "evidence.md").read_text(encoding="utf-8").partition("## Images that were not scanned")[2]
    named = re.findall(r"^\| `([a-z-]+)` \|", table, re.MULTILINE)
    assert sorted(named) == sorted(state.value for state in UnscannedReason)


def test_scanners_page_lists_every_kind_of_scanner():
    table = (ROOT / "docs" / "scanners.md").read_text(encoding="utf-8").partition("\n## ")[0]
    assert set(re.findall(r"^\| `([a-z]+)` \|", table, re.MULTILINE)) == SCANNER_KINDS


def test_changelog_names_every_command_and_kind_of_scanner():
    changes = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    named = {span.removeprefix("kind: ") for span in re.findall(r"`([^`\n]+)`", changes)}
    assert {" ".join(words) for words in COMMANDS} <= named
    assert SCANNER_KINDS - {"none"} <= named


def test_templates_page_is_generated_from_the_views():
    text = view_reference.PAGE.read_text(encoding="utf-8")
    assert view_reference.render_page(text) == text, "python -m tools.view_reference"


TESTS_OF_DEFENCES = read_page(ROOT / "docs" / "security-tests.md")


@pytest.mark.parametrize(("page", "letter", "least"), [("security", "T", 50), ("registries", "R", 15)])
def test_every_numbered_threat_and_registry_rule_has_a_row_in_the_list_of_tests(page, letter, least):
    numbers = re.findall(rf"^\| ({letter}\d+) \|", read_page(ROOT / "docs" / f"{page}.md"), re.MULTILINE)
    assert numbers == [f"{letter}{number}" for number in range(1, len(numbers) + 1)]
    assert len(numbers) >= least
    assert re.findall(rf"^\| ({letter}\d+) \|", TESTS_OF_DEFENCES, re.MULTILINE) == numbers


def test_tests_named_in_the_list_of_security_tests_exist():
    for row in re.findall(r"^\| [TR]\d+ \|.*$", TESTS_OF_DEFENCES, re.MULTILINE):
        tests = re.findall(r"`([\w/]+\.py)::(test_\w+)`", row)
        assert tests, row
        for path, test in tests:
            assert re.search(rf"^ *def {test}\(", read_page(ROOT / "tests" / path), re.MULTILINE), f"{path}::{test}"
