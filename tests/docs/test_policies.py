"""Every example of `docs/policies.md` is a config, and doing it shows what the page says is then seen."""

from __future__ import annotations

import re
from contextlib import ExitStack

import pytest
import yaml
from support.docs.policy_scenes import KEY, SCENES
from support.docs.policy_stage import PolicyStage, contains_lines
from support.parts import ROOT
from support.runs.worlds import LoopbackHub, write_tree
from support.signing.attached import trusted

from bot.cli.app import main
from bot.demo.images import ImageStore
from bot.demo.loopback_registry import LoopbackRegistry
from bot.settings import Settings, load, load_repository_rules
from bot.settings.reading.validation import build_json_schema

pytestmark = pytest.mark.real("git")

PAGE = re.sub(r"\b2027-", "2099-", (ROOT / "docs" / "policies.md").read_text(encoding="utf-8"))
"""Its examples end some day, and the tests shall not end with them."""
SECTIONS = {each.partition("\n")[0]: each for each in re.split(r"^### ", PAGE, flags=re.MULTILINE)[1:]}


def list_section_blocks(section: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", SECTIONS[section], re.DOTALL | re.MULTILINE)


@pytest.fixture
def stage(tmp_path, capsys, monkeypatch):
    def command(*arguments):
        code = main([str(argument) for argument in arguments])
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    store = ImageStore()
    write_tree(tmp_path, {"keys/acme.pub": trusted(KEY).pem})
    monkeypatch.chdir(tmp_path)
    with LoopbackRegistry(store) as registry, ExitStack() as ends:
        made = PolicyStage(tmp_path, LoopbackHub(registry, store), command)
        ends.callback(lambda: made.github and made.github.end())
        monkeypatch.setenv("ACME_TOKEN", "ghp_of-the-bot")
        yield made


@pytest.mark.parametrize("section", SECTIONS)
def test_policy_example_has_the_documented_result(section, stage):
    for text in list_section_blocks(section, "yaml"):
        first, _, rest = text.partition("\n")
        if first.startswith("# "):
            write_tree(stage.folder, {first.removeprefix("# "): rest})
        else:
            stage.policies.append(yaml.safe_load(text))
    stage.dockerfile = "".join(list_section_blocks(section, "dockerfile"))
    SCENES[section](stage)
    (seen,) = list_section_blocks(section, "text")
    assert contains_lines(seen, stage.printed), stage.printed


def test_every_section_of_policies_page_is_run_by_a_test():
    assert list(SECTIONS) == list(SCENES)


@pytest.mark.parametrize("section", SECTIONS)
def test_every_policy_example_is_a_valid_config_alone(section, tmp_path):
    write_tree(tmp_path, {"keys/acme.pub": trusted(KEY).pem})
    examples = list_section_blocks(section, "yaml")
    assert examples
    for text in examples:
        name, _, rest = text.partition("\n")
        if name == "# .basebump.yaml":
            assert load_repository_rules(text.encode(), "its own file")
        elif name.startswith("# "):
            write_tree(tmp_path, {name.removeprefix("# "): rest})
    for text in (text for text in examples if not text.startswith("# ")):
        path = tmp_path / "basebump.yaml"
        path.write_text(f"schema: 1\n{text}", encoding="utf-8")
        assert load(path, requires_forges=False) != Settings(source=str(path))


OF_RULES = (
    "Rule",
    "MatchSection",
    "AcceptedHold",
    "AllowIntroducedSection",
    "AutomergeConditions",
    "DuePeriods",
    "ExposurePeriods",
    "OpenCondition",
    "RefreshSection",
    "RequiredEvidence",
    "ProposalSchedule",
)


@pytest.mark.parametrize("shape", [*OF_RULES, "ProposalLimits", "RolloutOptions"])
def test_policies_page_has_an_example_for_every_policy_key(shape):
    """The keys include options of a whole fleet, such as limits and rollouts."""
    keys = build_json_schema()["$defs"][shape]["properties"]
    used = {
        key
        for section in SECTIONS
        for text in list_section_blocks(section, "yaml")
        for key in list_keys(yaml.safe_load(text))
    }
    assert [key for key in keys if key not in used] == []


def list_keys(value):
    if isinstance(value, dict):
        for key, inner in value.items():
            yield key
            yield from list_keys(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from list_keys(inner)


@pytest.mark.parametrize("shape", ["UpdateMode", "Rebase", "OnClose", "WhenUnknown"])
def test_policies_page_names_every_allowed_value_of_a_key(shape):
    for choice in build_json_schema()["$defs"][shape]["enum"]:
        assert re.search(rf"`{choice}`|: {choice}$", PAGE, re.MULTILINE), choice
