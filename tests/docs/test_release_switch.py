"""The switch in pyproject.toml turns the commands of a checkout into those of a release, and both can be used."""

from __future__ import annotations

import ast
import re

import pytest
import yaml
from support.docs.written import extract_literal_text, list_code_blocks, list_command_lines, parse_command_line
from support.parts import ROOT
from support.witnesses.workflows import complete_workflow, list_problems, run_actionlint, run_zizmor

from bot import __version__
from tools import release_switch
from tools.release_switch import PLACEHOLDER, Switch, is_repository, read_switch, read_texts, render_all

CHECKOUT = Switch(released=False, repository=PLACEHOLDER)
RELEASED = Switch(released=True, repository="acme/basebump")
BOTH = [CHECKOUT, RELEASED]
IDS = ["checkout", "released"]
OF_CHECKOUT = [
    "no release yet",
    PLACEHOLDER,
    "@COMMIT",
    "rev: COMMIT",
    "pipx install .",
    "pip install '.[",
    "your copy of basebump",
]


def render(switch):
    return {path.relative_to(ROOT).as_posix(): text for path, text in render_all(switch)}


def list_workflows(switch):
    pages = render(switch)
    found = [block for name in sorted(pages) if name.endswith(".md") for block in list_code_blocks(pages[name], "yaml")]
    return [each for each in found if each.startswith("# .github/workflows/") and re.search("basebump(@|==)", each)]


def test_committed_pages_are_rendered_for_release_or_checkout_as_set_in_pyproject():
    switch = read_switch((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    for name, text in render(switch).items():
        assert (ROOT / name).read_text(encoding="utf-8") == text, "python -m tools.release_switch"


def test_page_is_unchanged_after_rendering_for_release_and_then_for_checkout():
    pages = {path: text for path, text in render_all(CHECKOUT) if path.suffix == ".md"}
    for path, text in pages.items():
        released = release_switch.render_page(text, RELEASED)
        assert release_switch.render_page(released, CHECKOUT) == text, path
        assert release_switch.render_page(released, RELEASED) == released, path


def test_every_part_that_differs_between_release_and_checkout_is_on_exactly_one_page():
    names = re.findall(r"<!-- begin: release: ([a-z-]+) -->", "".join(render(CHECKOUT).values()))
    assert sorted(names) == sorted(read_texts(CHECKOUT)) == sorted(read_texts(RELEASED))
    assert len(names) >= 7


def test_pages_rendered_for_release_show_release_commands_but_no_checkout_commands():
    pages = render(RELEASED)
    everything = "".join(pages.values())
    assert [words for words in OF_CHECKOUT if words in everything] == []
    assert "uses: acme/basebump@v0" in pages["docs/github-action.md"]
    assert "pipx install basebump\n" in pages["README.md"]
    assert f"docker run --rm ghcr.io/acme/basebump:{__version__} " in pages["README.md"]
    assert "%" not in "".join(re.findall(r"%[A-Z]+%", everything))


def test_pages_rendered_for_checkout_refer_to_no_published_release():
    everything = "".join(render(CHECKOUT).values())
    assert "pipx install basebump" not in everything
    assert "ghcr.io/acme/basebump" not in everything
    assert "/basebump@v" not in everything


@pytest.mark.parametrize("switch", BOTH, ids=IDS)
def test_command_lines_in_pages_rendered_for_release_or_checkout_can_be_parsed(switch, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for each in ("basebump.yaml", "x.json", "shard-1.json", "shard-2.json"):
        (tmp_path / each).touch()
    for name in ("try", "install", "image"):
        text = re.sub(r"ghcr\.io/\S+", "basebump", extract_literal_text(read_texts(switch)[name]))
        for line in list_command_lines(text.replace("/etc/basebump.yaml", "basebump.yaml")):
            parse_command_line(line)


def test_check_of_release_command_lines_also_covers_commands_in_a_container():
    text = re.sub(r"ghcr\.io/\S+", "basebump", extract_literal_text("\n".join(read_texts(RELEASED).values())))
    assert {"demo", "resolve python:3.12-slim", "run --config /etc/basebump.yaml"} <= set(list_command_lines(text))


@pytest.mark.parametrize("switch", BOTH, ids=IDS)
def test_pre_commit_hooks_rendered_for_release_name_version_tag_as_revision(switch):
    (block,) = list_code_blocks(read_texts(switch)["hooks"], "yaml")
    (repository,) = yaml.safe_load(block)["repos"]
    assert repository["repo"] == "https://github.com/acme/basebump"
    assert repository["rev"] == (f"v{__version__}" if switch.released else "COMMIT")


@pytest.mark.real("zizmor")
@pytest.mark.parametrize("switch", BOTH, ids=IDS)
def test_workflows_rendered_for_release_or_checkout_match_schema_and_pass_zizmor(switch, tmp_path):
    workflows = list_workflows(switch)
    assert len(workflows) == 4
    folder = tmp_path / ".github" / "workflows"
    folder.mkdir(parents=True)
    for number, workflow in enumerate(workflows):
        assert list_problems("workflow", complete_workflow(workflow)) == []
        (folder / f"{number}.yml").write_text(complete_workflow(workflow), encoding="utf-8")
    done = run_zizmor(*folder.iterdir())
    assert done.returncode == 0, done.stdout


@pytest.mark.real("actionlint")
@pytest.mark.parametrize("switch", BOTH, ids=IDS)
def test_workflows_rendered_for_release_or_checkout_pass_actionlint(switch, tmp_path):
    paths = [tmp_path / f"{number}.yml" for number, _ in enumerate(list_workflows(switch))]
    for path, workflow in zip(paths, list_workflows(switch), strict=True):
        path.write_text(complete_workflow(workflow), encoding="utf-8")
    done = run_actionlint(*paths)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("switch", BOTH, ids=IDS)
def test_workflow_written_by_init_command_has_same_action_reference_as_the_pages(switch):
    module = ast.parse(release_switch.render_starter(switch))
    values = {each.targets[0].id: ast.literal_eval(each.value) for each in module.body if isinstance(each, ast.Assign)}
    assert values["ACTION_REFERENCE"] == switch.action
    assert (PLACEHOLDER in values["ACTION_COMMENT"]) is not switch.released
    assert not values["ACTION_COMMENT"] or values["ACTION_COMMENT"].endswith("\n")


@pytest.mark.parametrize(
    "name", ["acme", "acme/", "/basebump", "acme/base bump", PLACEHOLDER, "acme/x\nreleased = true"]
)
def test_release_switch_rejects_invalid_repository_name(name):
    assert not is_repository(name)
    assert is_repository("acme/basebump")
