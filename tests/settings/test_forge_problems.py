"""The problems of invalid `forges` in a config, with their locations and hints."""

from __future__ import annotations

import pytest

WRONG = [
    ("forges: [{kind: gitlab}]", "forges[0].repositories", "is required"),
    ("forges: [{kind: gitlab, repositories: [acme]}]", "forges[0].repositories[0]", "the full path of a project"),
    ("forges: [{kind: gitlab, repositories: [acme/../web]}]", "forges[0].repositories[0]", "the full path of"),
    ("forges: [{kind: gitlab, repositories: [{owner: acme/}]}]", "forges[0].repositories[0].owner", "path of a group"),
    ("forges: [{kind: gitlab, repositories: [{owner: a, topics: ['']}]}]", "forges[0].repositories[0].topics[0]", ""),
    (
        "forges: [{kind: gitlab, token_env: CI_JOB_TOKEN, repositories: [a/b, {owner: c}]}]",
        "forges[0].repositories[1]",
        "name the projects one by one",
    ),
    ("forges: [{kind: gitlab, repositories: [a/b/c, A/b/C]}]", "forges[0].repositories[1]", "is already listed"),
    ("forges: [{kind: gitlab, repositories: [a/b], url: 'http://x.example'}]", "forges[0].url", "https://"),
    ("forges: [{kind: gitlab, repositories: [a/b], url: 'https://x.example/api/v4'}]", "forges[0].url", "`/api/`"),
    ("forges: [{kind: gitlab, repositories: [a/b], app: {}}]", "forges[0].app", "is not a key here"),
    ("forges: [{kind: azure, repositories: [a/b]}]", "forges[0].url", "is required"),
    ("forges: [{kind: azure, url: 'https://dev.azure.com/o'}]", "forges[0].repositories", "is required"),
    ("forges: [{kind: azure, url: 'https://dev.azure.com', repositories: [a/b]}]", "forges[0].url", "ORGANIZATION"),
    ("forges: [{kind: azure, url: 'https://dev.azure.com/o/p', repositories: [a/b]}]", "forges[0].url", "ORGANIZATION"),
    ("forges: [{kind: azure, url: 'https://x.example/c/_git/r', repositories: [a/b]}]", "forges[0].url", "COLLECTION"),
    (
        "forges: [{kind: azure, url: 'https://acme.visualstudio.com', repositories: [a/b]}]",
        "forges[0].url",
        "https://dev.azure.com/acme",
    ),
    (
        "forges: [{kind: azure, url: 'https://dev.azure.com/o', repositories: [web]}]",
        "forges[0].repositories[0]",
        "write `{owner: PROJECT}`",
    ),
    (
        "forges: [{kind: azure, url: 'https://dev.azure.com/o', repositories: [a/b/c]}]",
        "forges[0].repositories[0]",
        "PROJECT/REPOSITORY",
    ),
    (
        "forges: [{kind: azure, url: 'https://dev.azure.com/o', repositories: [a/b], auth: azure, token_env: T}]",
        "forges[0].auth",
        "cannot be combined with `token_env`",
    ),
    (
        "forges: [{kind: azure, url: 'https://dev.azure.com/o', repositories: [{owner: a, topics: [x]}]}]",
        "forges[0].repositories[0].topics",
        "is not a key here",
    ),
    (
        "forges: [{kind: azure, url: 'https://dev.azure.com/o', repositories: [a/b], work_items: ['7']}]",
        "forges[0].work_items[0]",
        "without quotes",
    ),
    ("forges: [{kind: gihub}]", "forges[0]", "did you mean `github`?"),
    ("forges: [{kind: [github]}]", "forges[0]", "is not one of github, gitlab, azure, gitea, local"),
    ("forges: [{repositories: [a/b]}]", "forges[0]", "needs a `kind`: github, gitlab, azure, gitea or local"),
    ("forges: [github]", "forges[0]", "must be a mapping"),
    ("forges: [{kind: github}]", "forges[0].repositories", "is required"),
    ("forges: [{kind: github, repositories: []}]", "forges[0].repositories", "with at least one item"),
    ("forges: [{kind: github, repositories: [acme]}]", "forges[0].repositories[0]", "write `{owner: NAME}`"),
    ("forges: [{kind: github, repositories: [a/b, A/B]}]", "forges[0].repositories[1]", "is already listed"),
    ("forges: [{kind: github, repositories: [{owner: a/b}]}]", "forges[0].repositories[0].owner", "the name of a"),
    (
        "forges: [{kind: github, repositories: [{owner: a, excludes: x}]}]",
        "forges[0].repositories[0].excludes",
        "did you mean `exclude`?",
    ),
    (
        "forges: [{kind: github, repositories: [{owner: a, include: []}]}]",
        "forges[0].repositories[0].include",
        "with at least one item",
    ),
    (
        "forges: [{kind: github, repositories: [{owner: a, topics: [Big Topic]}]}]",
        "forges[0].repositories[0].topics[0]",
        "is not a topic",
    ),
    ("forges: [{kind: github, app: {id: 7}}]", "forges[0].app.key_env", "is required"),
    ("forges: [{kind: github, app: {id: '7', key_env: KEY}}]", "forges[0].app.id", "without quotes"),
    ("forges: [{kind: github, app: {id: true, key_env: KEY}}]", "forges[0].app.id", "without quotes"),
    (
        "forges: [{kind: github, app: {id: 7, key_env: KEY}, token_env: T}]",
        "forges[0].app",
        "cannot be combined with `token_env`",
    ),
    (
        "forges: [{kind: github, app: {id: 7, key_env: K}}, {kind: github, app: {id: 7, key_env: K}}]",
        "forges[1]",
        "selects all repositories of the App 7, which forges[0] already selects",
    ),
    ("forges: [{kind: github, repositories: [a/b], token: x}]", "forges[0].token", "did you mean `token_env`?"),
    ("forges: [{kind: github, repositories: [a/b], url: 'http://x.example'}]", "forges[0].url", "https://"),
    ("forges: [{kind: github, repositories: [a/b], url: 'https://a:b@x.example'}]", "forges[0].url", "no user"),
    (
        "forges: [{kind: github, repositories: [a/b], url: 'https://x.example:port'}]",
        "forges[0].url",
        "must be a valid URL",
    ),
    ("forges: [{kind: github, repositories: [a/b], url: 'https://'}]", "forges[0].url", "a plain URL"),
    ("forges: [{kind: github, repositories: [a/b], url: 'https://github.com'}]", "forges[0].url", "api.github.com"),
    ("forges: [{kind: local}]", "forges[0].url", "is required"),
    ("forges: [{kind: local, url: x, token_env: X}]", "forges[0].token_env", "use one of kind, url, repositories"),
    ("forges: [{kind: local, url: x, repositories: [../y]}]", "forges[0].repositories[0]", "without `..`"),
    ("forges: [{kind: local, url: x, repositories: [/y]}]", "forges[0].repositories[0]", "inside the folder"),
]


@pytest.mark.parametrize(("text", "where", "sentence"), WRONG)
def test_invalid_forge_entry_is_reported_as_one_problem_with_key(read_problems, text, where, sentence):
    problems = read_problems(text)
    assert sentence in problems.pop(where)
    assert problems == {}


def test_config_for_a_run_must_list_a_forge(read_problems):
    for text in ("", "forges: []"):
        assert "must not be empty" in read_problems(text, need_forges=True)["forges"]


def test_plain_http_forge_url_is_accepted_for_loopback(read_settings):
    for kind in ("github", "gitlab"):
        for url in ("http://127.0.0.1:8080", "http://[::1]:8080", "http://localhost"):
            (forge,) = read_settings(f"forges: [{{kind: {kind}, repositories: [a/b], url: '{url}'}}]").forges
            assert forge.url == url
