"""The entries of `builds` in a config."""

from __future__ import annotations

import pytest

from bot.model.image_name import ImageName
from bot.model.own_build import ConfiguredBuild
from bot.settings import load
from bot.wiring.config_hashes import hash_rules

LISTED = "schema: 1\nstate: sqlite:///state.db\nregistries: [{host: r.example.com}]\n"


@pytest.fixture
def load_text(tmp_path):
    def read(text: str):
        path = tmp_path / "basebump.yaml"
        path.write_text(text, encoding="utf-8")
        return load(path, requires_forges=False)

    return read


def test_configured_builds_have_canonical_image_names_and_defaults(load_text):
    settings = load_text(
        LISTED + "builds:\n"
        "- {repository: acme/web, image: 'r.example.com/acme/web:main'}\n"
        "- {repository: acme/web, dockerfile: api/Dockerfile, image: docker.io/acme/api, base_branch: release/1}\n"
    )
    assert settings.builds == (
        ConfiguredBuild(repository="acme/web", image=ImageName("r.example.com/acme/web", "main", None)),
        ConfiguredBuild(
            repository="acme/web",
            dockerfile="api/Dockerfile",
            image=ImageName("docker.io/acme/api", None, None),
            base_branch="release/1",
        ),
    )


def test_configured_builds_do_not_change_rules_hash(load_text):
    without, with_builds = (
        load_text(LISTED + text) for text in ("", "builds: [{repository: a/b, image: r.example.com/b}]")
    )
    assert hash_rules(without) == hash_rules(with_builds)


@pytest.mark.parametrize(
    ("entry", "key", "message"),
    [
        ("{image: r.example.com/b}", "builds[0].repository", "is required"),
        ("{repository: a/b}", "builds[0].image", "is required"),
        ("{repository: a/b, image: b}", "builds[0].image", "must begin with the host of its registry"),
        ("{repository: a/b, image: 'r.example.com/B'}", "builds[0].image", "lower-case words"),
        (
            f"{{repository: a/b, image: 'r.example.com/b@sha256:{'0' * 64}'}}",
            "builds[0].image",
            "must not have a digest",
        ),
        ("{repository: a/b, image: other.example.com/b}", "builds[0].image", "list it under `registries`"),
        ("{repository: a/b, image: r.example.com/b, dockerfile: ../D}", "builds[0].dockerfile", "must be a path"),
        ("{repository: a/b, image: r.example.com/b, dockerfile: /D}", "builds[0].dockerfile", "must be a path"),
        ("{repository: a/b, image: r.example.com/b, dockerfile: ./D}", "builds[0].dockerfile", "must be a path"),
        ("{repository: a/b, image: r.example.com/b}, {repository: a/b, image: r.example.com/b}", "builds[1]", "same"),
    ],
)
def test_invalid_build_entry_is_reported_with_key(read_problems, entry, key, message):
    text = f"{{schema: 1, state: 'sqlite:///s.db', registries: [{{host: r.example.com}}], builds: [{entry}]}}"
    problems = read_problems(text, schema=False)
    assert [(where, message in text) for where, text in problems.items()] == [(key, True)]


def test_builds_in_config_require_state(read_problems):
    text = "{schema: 1, registries: [{host: r.example.com}], builds: [{repository: a/b, image: r.example.com/b}]}"
    assert "requires `state`" in read_problems(text, schema=False)["builds"]
