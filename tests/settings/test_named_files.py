"""Errors in files that a config names, and in a repository's own file."""

import json
import re

import pytest

from bot.model.errors import ConfigError
from bot.model.modes import UpdateMode
from bot.model.policy import PolicyRule, RuleMatch
from bot.settings import load, load_repository_rules
from bot.settings.config_file import MAX_TEMPLATE
from bot.settings.trust_files import MAX_FILE


def test_reads_rules_of_a_repositorys_own_file():
    text = b"schema: 1\npolicy: [{match: {path: 'a/**'}, update: none}, {labels: [web]}]\n"
    assert load_repository_rules(text, "x") == (
        PolicyRule(match=RuleMatch(path=("a/**",)), update=UpdateMode.NONE),
        PolicyRule(labels=("web",)),
    )


@pytest.mark.parametrize(
    ("known_at", "is_fine"), [(None, True), (frozenset({"contoso.azurecr.io"}), True), (frozenset(), False)]
)
def test_own_file_must_not_require_an_unknown_age(known_at, is_fine):
    text = b"schema: 1\npolicy: [{match: {image: contoso.azurecr.io/**}, min_age: 3d}]\n"
    if is_fine:
        assert len(load_repository_rules(text, "x", known_at)) == 1
    else:
        with pytest.raises(ConfigError, match=r"policy\[0\].min_age: is never reached"):
            load_repository_rules(text, "x", known_at)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("schema: 1\nimages: []\nimage: []\n", "image: .*`images`"),
        ("schema: 1\nimages: [{imag: x}]\n", r"images\[0\]\.imag: .*`image`"),
        ("schema: 1\nimages: [{image: docker.io/a, tag: x, date: soon}]\n", r"images\[0\]\.date: "),
        ("schema: 1\nimages: []\nimages: []\n", "the key `images` "),
    ],
)
def test_problems_of_the_end_of_life_file_are_reported(tmp_path, text, says):
    (tmp_path / "ends.yaml").write_text(text)
    (tmp_path / "basebump.yaml").write_text("schema: 1\nend_of_life: ends.yaml\n")
    with pytest.raises(ConfigError) as caught:
        load(tmp_path / "basebump.yaml", requires_forges=False)
    assert re.search(says, str(caught.value))


def test_templates_are_read_and_all_their_problems_are_reported(tmp_path):
    (tmp_path / "title.j2").write_text("{{ proposal.headline }}")
    (tmp_path / "body.j2").write_text("{% if %}")
    config = tmp_path / "basebump.yaml"
    config.write_text("schema: 1\nproposals: {templates: {title: title.j2}}\n")
    assert load(config, requires_forges=False).templates == {"title": "{{ proposal.headline }}"}
    config.write_text("schema: 1\nproposals: {templates: {title: none.j2, body: body.j2}}\n")
    with pytest.raises(ConfigError) as caught:
        load(config, requires_forges=False)
    assert caught.value.source == str(config)
    assert [problem.key for problem in caught.value.problems] == [
        "proposals.templates.title",
        "proposals.templates.body",
    ]


@pytest.mark.parametrize(
    ("text", "place", "most"),
    [
        ("trust: [{image: '**', keys: [large]}]", "trust[0].keys[0]", MAX_FILE),
        (
            "trust: [{image: '**', notation: {certificates: [large], subjects: [O=Acme]}}]",
            "trust[0].notation.certificates[0]",
            MAX_FILE,
        ),
        ("proposals: {templates: {body: large}}", "proposals.templates.body", MAX_TEMPLATE),
    ],
)
def test_refuses_named_files_that_are_too_large(tmp_path, text, place, most):
    (tmp_path / "large").write_text("#" * (most + 1))
    (tmp_path / "basebump.yaml").write_text(f"schema: 1\n{text}\n")
    with pytest.raises(ConfigError) as caught:
        load(tmp_path / "basebump.yaml", requires_forges=False)
    (problem,) = caught.value.problems
    assert (problem.key, f" {most} bytes" in problem.message) == (place, True)


@pytest.mark.parametrize("trailer", ["no trailer", "Basebump-Intent: 1 0", "basebump-intent: x", "A: b\nC: d", "A:"])
def test_refuses_invalid_trailers_and_basebumps_own(tmp_path, trailer):
    config = tmp_path / "basebump.yaml"
    config.write_text(f"schema: 1\nproposals: {{trailers: [{json.dumps(trailer)}]}}\n")
    with pytest.raises(ConfigError, match="`Key: value`"):
        load(config, requires_forges=False)
