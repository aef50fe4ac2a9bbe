"""Positions of problems in config files, and hints that lead to a config that is accepted."""

from __future__ import annotations

import re

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from bot.model.errors import ConfigError
from bot.settings import load, load_repository_rules
from bot.settings.reading.config import validate_config

CONFIG = """\
schema: 1
forges:
  - kind: githb
    url: nonsense
    tokn_env: X
  - {kind: local, url: ., colour: red}
policy:
  - match: {image: "nginx:1.27"}
    pin: true
  - image: docker.io/library/nginx
    pin: true
min_age: 7d
"""


@pytest.fixture
def problems(tmp_path):
    """Write a config, and return the lines about its problems, without the folder."""

    def describe(text: str) -> list[str]:
        path = tmp_path / "basebump.yaml"
        path.write_text(text, encoding="utf-8")
        with pytest.raises(ConfigError) as caught:
            load(path, requires_forges=False)
        return [each.removeprefix(f"{tmp_path}/") for each in caught.value.describe_problems()]

    return describe


def test_each_config_problem_begins_with_file_line_and_column(problems):
    assert [line.split(": ")[:2] for line in problems(CONFIG)] == [
        ["basebump.yaml:3:5", "forges[0]"],
        ["basebump.yaml:4:5", "forges[0].url"],
        ["basebump.yaml:5:5", "forges[0].tokn_env"],
        ["basebump.yaml:6:27", "forges[1].colour"],
        ["basebump.yaml:8:13", "policy[0].match.image"],
        ["basebump.yaml:10:5", "policy[1].image"],
        ["basebump.yaml:12:1", "min_age"],
    ]


def test_mistyped_kind_does_not_hide_other_problems_of_entry(problems):
    kind, *others = problems("schema: 1\nscanners: [{kind: trivi, timeout: soon, binry: x}]\n")
    assert kind.endswith("hint: did you mean `trivy`?")
    assert [line.split(": ")[1] for line in others] == ["scanners[0].timeout", "scanners[0].binry"]


def test_unknown_kind_is_reported_as_exactly_one_problem(problems):
    (line,) = problems("schema: 1\nscanners: [{kind: zzz, binry: x}]\n")
    assert "the kind `zzz` is not one of" in line


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("min_age: 7d", "`min_age` belongs under `policy`"),
        (
            "policy: [{image: docker.io/library/nginx, pin: true}]",
            "write `match: {image: …}`",
        ),
        ("policy: [{pin: true, own: []}]", "`own` belongs at the top level"),
        ("forges: [{kind: local, url: ., branch_prefix: x/}]", "`branch_prefix` belongs under `proposals`"),
    ],
)
def test_hint_for_misplaced_key_names_section_of_key(problems, text, hint):
    (line,) = problems(f"schema: 1\n{text}\n")
    assert line.endswith(f"is not a key here; hint: {hint}")


def test_yaml_syntax_error_is_reported_with_one_line_and_column(problems):
    (line,) = problems("schema: 1\nown: [a\npolicy: []\n")
    assert re.match(r"basebump\.yaml:3:7: the file is not valid YAML", line)


def test_missing_key_is_reported_at_position_of_mapping(problems):
    (line,) = problems("schema: 1\nown: []\ntrust:\n  - {image: '**', keyless: [{identity: a}]}\n")
    assert line.startswith("basebump.yaml:4:29: trust[0].keyless[0].issuer: is required")


def test_problems_in_config_file_of_repository_have_line_and_column():
    with pytest.raises(ConfigError) as caught:
        load_repository_rules(b"schema: 1\npolicy:\n  - draft: true\n", ".basebump.yaml")
    (line,) = caught.value.describe_problems()
    assert line.startswith(".basebump.yaml:3:5: policy[0].draft: ")


@pytest.mark.parametrize(
    "image", ["nginx:1.27", "nginx", "acme/web:1", "index.docker.io/a/b:1", "ghcr.io/a/b@sha256:x"]
)
def test_config_corrected_as_the_hint_for_an_image_suggests_is_accepted(problems, tmp_path, image):
    (line,) = problems(f'schema: 1\npolicy: [{{match: {{image: "{image}"}}, pin: true}}]\n')
    hinted = re.search("hint: write `(.*)`", line)[1]
    path = tmp_path / "accepted.yaml"
    path.write_text(f'schema: 1\npolicy: [{{match: {{image: "{hinted}"}}, pin: true}}]\n', encoding="utf-8")
    load(path, requires_forges=False)


@given(st.from_regex(r"[a-z.*?/:@]{1,20}", fullmatch=True))
def test_config_corrected_as_the_hint_for_any_image_glob_suggests_is_accepted(image):
    def validate(glob: str) -> list[str]:
        _, found = validate_config({"schema": 1, "own": [glob]}, requires_forges=False)
        return [each.message for each in found]

    for message in validate(image):
        hint = re.search("hint: write `(.*)`$", message)
        assert hint is None or validate(hint[1]) == [], yaml.safe_dump([image, message])
