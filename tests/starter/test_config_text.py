"""The text of a first config."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.settings.reading.config import validate_config
from bot.settings.reading.yaml_file import parse_document
from bot.starter.config_text import FolderFindings, ForgeRepository, FoundRegistry, write_config_text
from bot.starter.dependabot import translate_dependabot
from bot.starter.examine_folder import find_forge, keep_valid_rules
from bot.starter.renovate import translate_renovate

ACME = "https://dev.azure.com/acme"
NO_FINDINGS = FolderFindings(None, (), ())
TEXTS = st.text(max_size=20) | st.sampled_from(["nginx", "ghcr.io/acme/**", "true", "before 5am", "3 days", "team:a"])
VALUES = st.recursive(
    TEXTS | st.booleans() | st.none(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)
RENOVATE_OPTIONS = (
    *("extends", "labels", "addLabels", "reviewers", "assignees", "schedule", "timezone", "groupName", "ignoreDeps"),
    *("ignorePaths", "minimumReleaseAge", "enabled", "automerge", "pinDigests", "rebaseWhen", "draftPR", "major"),
)
CONDITIONS = ("matchDatasources", "matchManagers", "matchPackageNames", "matchFileNames", "matchUpdateTypes")
RULES = st.lists(st.dictionaries(st.sampled_from((*RENOVATE_OPTIONS, *CONDITIONS)), VALUES, max_size=4), max_size=3)
RENOVATE = st.builds(
    lambda options, rules: {**options, "packageRules": rules},
    st.dictionaries(st.sampled_from(RENOVATE_OPTIONS), VALUES, max_size=4),
    RULES,
)
DEPENDABOT_OPTIONS = (
    *("directory", "directories", "schedule", "labels", "reviewers", "assignees", "ignore", "cooldown", "groups"),
    "target-branch",
)


def parse_config(text):
    document, problems = parse_document(text.encode(), "basebump.yaml")
    assert not problems
    config, problems = validate_config(document, requires_forges=False)
    assert not problems
    return config


def test_starter_config_without_findings_is_valid():
    config = parse_config(write_config_text(NO_FINDINGS))
    assert (config.forges, config.registries, config.policy, config.state) == ((), (), (), None)


def test_starter_config_lines_have_at_most_100_characters():
    assert max(map(len, write_config_text(NO_FINDINGS).splitlines())) <= 100


def test_starter_config_is_valid_with_all_commented_keys_enabled():
    lines = write_config_text(NO_FINDINGS).splitlines()
    text = "\n".join(line.replace("#", "", 1) if line.startswith("#") and line[1:2] != " " else line for line in lines)
    sections = text.replace("#  ", "  ").replace("OWNER/NAME", "acme/web")
    config = parse_config(sections)
    assert config.forges
    assert config.policy
    assert config.scanners
    assert config.state


def test_starter_config_contains_found_forge_and_registries():
    registries = (FoundRegistry("contoso.azurecr.io", 2, "a:1"), FoundRegistry("127.0.0.1:5000", 1, "b\n#:2"))
    config = parse_config(write_config_text(FolderFindings(ForgeRepository("gitlab", "a/b/c"), registries, ())))
    assert [(each.host, each.auth.value) for each in config.registries] == [
        ("contoso.azurecr.io", "azure"),
        ("127.0.0.1:5000", "docker-config"),
    ]
    assert config.forges[0].token_env == "GITLAB_TOKEN"
    assert config.forges[0].repositories == ("a/b/c",)


@given(RENOVATE)
def test_config_translated_from_any_renovate_config_is_valid(config):
    translation = keep_valid_rules(translate_renovate("renovate.json", config, ["docker.io/library/nginx"]))
    parsed = parse_config(write_config_text(FolderFindings(None, (), (translation,))))
    assert len(parsed.policy) == len(translation.rules)


@given(st.dictionaries(st.sampled_from(DEPENDABOT_OPTIONS), VALUES, max_size=5))
def test_config_translated_from_any_dependabot_config_is_valid(options):
    entry = {"package-ecosystem": "docker", **options}
    translation = translate_dependabot("dependabot.yml", {"updates": [entry]})
    valid = keep_valid_rules(translation)
    parsed = parse_config(write_config_text(FolderFindings(None, (), (valid,))))
    assert len(parsed.policy) == len(valid.rules)


def test_translated_rule_that_would_be_invalid_is_left_out_and_reported():
    translation = keep_valid_rules(translate_renovate("renovate.json", {"labels": ["x" * 51]}, []))
    assert [dict(each.keys) for each in translation.rules] == [{"update": "major"}]
    assert "`labels.0` must not have more than 50 characters" in translation.untranslated[0].reason


@pytest.mark.parametrize(
    ("workflow", "login"),
    [("azure", (False, "SYSTEM_ACCESSTOKEN")), (None, (True, None))],
    ids=["pipeline", "no-pipeline"],
)
def test_config_for_azure_repos_uses_entra_login_outside_of_pipelines(workflow, login):
    forge = ForgeRepository("azure", "Web Shop/web", ACME)
    (parsed,) = parse_config(write_config_text(FolderFindings(forge, (), (), workflow))).forges
    assert (parsed.kind, parsed.url, parsed.repositories) == ("azure", ACME, ("Web Shop/web",))
    assert (parsed.auth == "azure", parsed.token_env) == login


def parse_example(findings):
    """Return the forge of a config in which a user removes the `#` from the example."""
    section = write_config_text(findings).split("\n\n")[1]
    example = "\n".join(line[1:] for line in section.splitlines() if line[1:2] != " " or line[2] == " ")
    (forge,) = parse_config(f"schema: 1\n{example}\n").forges
    return forge


def test_config_for_pipeline_without_known_repository_has_placeholders():
    forge = parse_example(FolderFindings(None, (), (), "azure"))
    assert (forge.url, forge.repositories) == ("https://dev.azure.com/ORGANIZATION", ("PROJECT/REPOSITORY",))


@pytest.mark.parametrize(
    ("workflow", "kind", "url"),
    [(None, "gitea", "https://git.example.com"), ("github", "github", "https://git.example.com/api/v3")],
)
def test_repository_on_unknown_server_is_only_in_commented_example(workflow, kind, url):
    unknown = ForgeRepository(None, "acme/web", "https://git.example.com")
    assert parse_config(write_config_text(FolderFindings(unknown, (), (), workflow))).forges == ()
    forge = parse_example(FolderFindings(unknown, (), (), workflow))
    assert (forge.kind, forge.url, forge.repositories) == (kind, url, ("acme/web",))


def test_config_for_azure_devops_server_uses_token_variable():
    server = ForgeRepository("azure", "shop/web", "https://azure.example.com/acme")
    (forge,) = parse_config(write_config_text(FolderFindings(server, (), ()))).forges
    assert (forge.auth, forge.token_env) == (None, "AZURE_DEVOPS_TOKEN")


@pytest.mark.parametrize(
    ("remote", "forge"),
    [
        ("https://github.com/acme/web.git", ForgeRepository("github", "acme/web")),
        ("https://user:secret@github.com/acme/web", ForgeRepository("github", "acme/web")),
        ("git@github.com:acme/web.git", ForgeRepository("github", "acme/web")),
        ("ssh://git@gitlab.com/acme/group/web.git", ForgeRepository("gitlab", "acme/group/web")),
        ("https://dev.azure.com/acme/shop/_git/web", ForgeRepository("azure", "shop/web", ACME)),
        ("https://acme@dev.azure.com/acme/shop/_git/web", ForgeRepository("azure", "shop/web", ACME)),
        ("https://dev.azure.com/acme/_git/web", ForgeRepository("azure", "web/web", ACME)),
        ("https://dev.azure.com/acme/Web%20Shop/_git/web%20api", ForgeRepository("azure", "Web Shop/web api", ACME)),
        ("https://acme.visualstudio.com/shop/_git/web", ForgeRepository("azure", "shop/web", ACME)),
        ("https://acme.visualstudio.com/DefaultCollection/shop/_git/web", ForgeRepository("azure", "shop/web", ACME)),
        ("https://acme.visualstudio.com/_git/web", ForgeRepository("azure", "web/web", ACME)),
        ("git@ssh.dev.azure.com:v3/acme/shop/web", ForgeRepository("azure", "shop/web", ACME)),
        ("ssh://git@ssh.dev.azure.com/v3/acme/shop/web", ForgeRepository("azure", "shop/web", ACME)),
        ("acme@vs-ssh.visualstudio.com:v3/acme/shop/web", ForgeRepository("azure", "shop/web", ACME)),
        (
            "https://x@azure.example.com:8443/tfs/DefaultCollection/Web%20Shop/_git/web",
            ForgeRepository("azure", "Web Shop/web", "https://azure.example.com:8443/tfs/DefaultCollection"),
        ),
        (
            "https://azure.example.com/acme/_git/web",
            ForgeRepository("azure", "web/web", "https://azure.example.com/acme"),
        ),
        ("https://codeberg.org/acme/web.git", ForgeRepository("gitea", "acme/web", "https://codeberg.org")),
        ("git@codeberg.org:acme/web.git", ForgeRepository("gitea", "acme/web", "https://codeberg.org")),
        ("https://git.example.com/acme/web.git", ForgeRepository(None, "acme/web", "https://git.example.com")),
        ("https://git.example.com:3000/acme/web", ForgeRepository(None, "acme/web", "https://git.example.com:3000")),
        ("ssh://git@git.example.com:2222/acme/web", ForgeRepository(None, "acme/web", "https://git.example.com")),
        ("https://dev.azure.com/acme/shop", None),
        ("https://acme.visualstudio.com/a/b/c/_git/web", None),
        ("/srv/git/web.git", None),
        ("", None),
    ],
)
def test_git_remote_url_is_parsed_as_forge_and_repository(remote, forge):
    assert find_forge(remote) == forge
