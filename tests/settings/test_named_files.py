"""Errors in files that a config names, and in a repository's own file."""

import json
import os
import re

import pytest

from bot.model.errors import ConfigError
from bot.model.modes import UpdateMode
from bot.model.policy import PolicyRule, RuleMatch
from bot.settings import load, load_repository_rules
from bot.settings.reading.named_files import MAX_FILE, MAX_TEMPLATE


def test_rules_in_config_file_of_repository_are_read():
    text = b"schema: 1\npolicy: [{match: {path: 'a/**'}, update: patch}, {labels: [web]}]\n"
    assert load_repository_rules(text, "x") == (
        PolicyRule(match=RuleMatch(path=("a/**",)), update=UpdateMode.PATCH),
        PolicyRule(labels=("web",)),
    )


@pytest.mark.parametrize(
    ("known_at", "is_fine"), [(None, True), (frozenset({"contoso.azurecr.io"}), True), (frozenset(), False)]
)
def test_min_age_in_repository_config_is_refused_if_ages_of_images_are_unknown(known_at, is_fine):
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
def test_problem_in_end_of_life_file_is_reported_with_key(tmp_path, text, says):
    (tmp_path / "ends.yaml").write_text(text)
    (tmp_path / "basebump.yaml").write_text("schema: 1\nend_of_life: ends.yaml\n")
    with pytest.raises(ConfigError) as caught:
        load(tmp_path / "basebump.yaml", requires_forges=False)
    assert re.search(says, str(caught.value))


def test_templates_are_read_and_each_invalid_template_is_reported(tmp_path):
    (tmp_path / "title.j2").write_text("{{ proposal.headline }}")
    (tmp_path / "body.j2").write_text("{% if %}")
    config = tmp_path / "basebump.yaml"
    config.write_text("schema: 1\nproposals: {templates: {title: title.j2}}\n")
    assert load(config, requires_forges=False).template_sources == {"title": "{{ proposal.headline }}"}
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
def test_key_certificate_or_template_file_that_is_too_large_is_refused(tmp_path, text, place, most):
    (tmp_path / "large").write_text("#" * (most + 1))
    (tmp_path / "basebump.yaml").write_text(f"schema: 1\n{text}\n")
    with pytest.raises(ConfigError) as caught:
        load(tmp_path / "basebump.yaml", requires_forges=False)
    (problem,) = caught.value.problems
    assert (problem.key, f" {most} bytes" in problem.message) == (place, True)


@pytest.mark.parametrize("trailer", ["no trailer", "Basebump-Intent: 1 0", "basebump-intent: x", "A: b\nC: d", "A:"])
def test_commit_trailers_that_are_invalid_or_reserved_for_intent_are_refused(tmp_path, trailer):
    config = tmp_path / "basebump.yaml"
    config.write_text(f"schema: 1\nproposals: {{trailers: [{json.dumps(trailer)}]}}\n")
    with pytest.raises(ConfigError, match="`Key: value`"):
        load(config, requires_forges=False)


def write_rules(rules: list[object]) -> bytes:
    return json.dumps({"schema": 1, "policy": rules}).encode()


@pytest.mark.parametrize(
    ("rules", "key"),
    [
        ([{"pin": True}] * 20, ""),
        ([{"pin": True}] * 21, "policy"),
        *[
            (
                [{"match": {key: [f"{glob}{number}*" for number in range(count)]}}],
                f"policy[0].match.{key}" * (count > 20),
            )
            for key, glob in (("image", "docker.io/acme/web"), ("path", "apps/web"))
            for count in (20, 21)
        ],
        ([{"match": {"format": ["dockerfile"] * 21}}], "policy[0].match.format"),
        *[
            ([{key: [f"web-{number}" for number in range(count)]}], f"policy[0].{key}" * (count > 20))
            for key in ("labels", "reviewers")
            for count in (20, 21)
        ],
        *[([{key: [f"web-{number}"]} for number in range(20)], "") for key in ("labels", "reviewers")],
        *[
            ([{key: [f"web-{number}", f"api-{number}"]} for number in range(11)], f"policy[].{key}")
            for key in ("labels", "reviewers")
        ],
    ],
)
def test_repository_config_with_more_than_20_rules_globs_or_names_is_refused(rules, key):
    if not key:
        assert len(load_repository_rules(write_rules(rules), "x")) == len(rules)
        return
    with pytest.raises(ConfigError) as raised:
        load_repository_rules(write_rules(rules), "x")
    (problem,) = raised.value.problems
    assert problem.key == key
    assert re.match(r"has 2[12] items, but at most 20 are allowed in a repository's own file; hint: ", problem.message)


def test_operator_config_can_have_more_than_20_rules_globs_and_labels(tmp_path):
    names = [f"web-{number}" for number in range(100)]
    rule = {"match": {"path": names}, "labels": names, "reviewers": names}
    (tmp_path / "basebump.yaml").write_bytes(write_rules([rule] * 30))
    assert len(load(tmp_path / "basebump.yaml", requires_forges=False).policy) == 30


def test_at_most_20_problems_in_repository_config_are_computed_and_reported(monkeypatch):
    """Each unknown key is compared with all keys, and its problem is shown on the dashboard."""
    compared_words = []
    monkeypatch.setattr(
        "bot.settings.reading.problems.suggest_key",
        lambda word, choices: compared_words.append(word) or f"; hint: {word}",
    )
    text = "schema: 1\n" + "".join(f"key{number}: 1\n" for number in range(5000))
    with pytest.raises(ConfigError) as raised:
        load_repository_rules(text.encode(), "x")
    assert len(raised.value.problems) == 21
    assert raised.value.problems[-1].message == "the file has further problems, which are not listed"
    assert len(compared_words) == 21


def test_named_pipe_in_place_of_blocklist_file_is_refused(tmp_path):
    os.mkfifo(tmp_path / "blocked.yaml")
    (tmp_path / "basebump.yaml").write_text("schema: 1\nblocked: [{path: blocked.yaml}]\n")
    with pytest.raises(ConfigError, match="it is not a regular file"):
        load(tmp_path / "basebump.yaml", requires_forges=False)
