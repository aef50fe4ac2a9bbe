"""The settings that valid config files result in."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from support.parts import ROOT
from support.signing.attached import trusted

from bot.model.advisory import AdvisoryList
from bot.model.config_types.times import format_duration
from bot.model.due_date import DuePeriods, DueUntil
from bot.model.evidence import Severity
from bot.model.modes import UpdateMode, WhenUnknown
from bot.model.policy import PolicyConfig, PolicyRule, RequiredEvidence, RuleMatch
from bot.model.rules import IntroducedLimit, OpenCondition
from bot.model.trust import TrustEntry
from bot.model.vocabulary import ALLOWABLE_REASONS, Role
from bot.settings import Settings, load
from bot.settings.sections.enrichment import EnrichmentSection, VexEntry
from bot.settings.sections.files import merge_globs
from bot.settings.sections.forges import (
    AppSection,
    GithubForgeEntry,
    GitlabForgeEntry,
    GroupEntry,
    LocalForgeEntry,
    OwnerEntry,
)
from bot.settings.sections.registries import RegistryAuth, RegistryConfigEntry
from bot.settings.sections.scanners import NoScannerEntry, ReportScannerEntry, ScannerMatchSection, TrivyScannerEntry


def match_images(*globs: str) -> ScannerMatchSection:
    return ScannerMatchSection(image=globs)


EXAMPLES = sorted((ROOT / "config" / "examples").glob("*.yaml"))


def test_config_with_only_the_schema_version_has_defaults(write):
    path = write("")
    assert load(path, requires_forges=False) == Settings(source=str(path))


@pytest.mark.parametrize("login", ["auth: azure", "username_env: U, password_env: P", "purges_untagged: false"])
def test_min_age_is_accepted_for_azure_registry_with_any_login(read_settings, login):
    settings = read_settings(
        f"""
        registries: [{{host: contoso.azurecr.io, {login}}}]
        policy: [{{match: {{image: contoso.azurecr.io/**}}, min_age: 3d}}]
        """
    )
    assert settings.policy[0].keys["min_age"] == timedelta(days=3)


def test_github_app_needs_no_repositories_in_config(read_settings):
    (forge,) = read_settings("forges: [{kind: github, app: {id: 7, key_env: APP_KEY}}]").forges
    assert forge == GithubForgeEntry(app=AppSection(id=7, key_env="APP_KEY"))


def test_forge_entries_accept_repositories_and_owners_and_are_normalised(read_settings, tmp_path):
    settings = read_settings(
        """
        forges:
          - kind: github
            url: https://github.example.com/api/v3/
            token_env: TOKEN
            ca: company.pem
            base_branches: [main, "release/*"]
            repositories:
              - acme/web
              - {owner: acme, include: "*-service", exclude: [old-*], topics: [production]}
              - legal/site
          - kind: gitlab
            url: https://example.com/git/
            token_env: T
            ca: company.pem
            repositories: [{owner: acme/shop, include: "**-service", topics: [Big Topic]}, acme/shop/web]
            base_branches: main
          - {kind: local, url: ../repositories}
          - {kind: local, url: /srv/git, repositories: [web, tools/builder/], base_branches: main}
        """
    )
    assert settings.forges == (
        GithubForgeEntry(
            url="https://github.example.com/api/v3",
            token_env="TOKEN",
            ca=tmp_path / "company.pem",
            repositories=(
                "acme/web",
                OwnerEntry(owner="acme", include=("*-service",), exclude=("old-*",), topics=("production",)),
                "legal/site",
            ),
            base_branches=("main", "release/*"),
        ),
        GitlabForgeEntry(
            url="https://example.com/git",
            token_env="T",
            ca=tmp_path / "company.pem",
            repositories=(
                GroupEntry(owner="acme/shop", include=("**-service",), topics=("Big Topic",)),
                "acme/shop/web",
            ),
            base_branches=("main",),
        ),
        LocalForgeEntry(url=tmp_path / "../repositories"),
        LocalForgeEntry(url=Path("/srv/git"), repositories=("web", "tools/builder"), base_branches=("main",)),
    )


def test_registry_entries_are_normalised_and_count_as_known_hosts(read_settings, tmp_path):
    settings = read_settings(
        """
        registries:
          - host: https://Index.Docker.io/
            mirror: Mirror.example.com:5000/proxy/docker_hub/
            username_env: USER_NAME
            password_env: PASSWORD
          - host: LOCALHOST:5000
            insecure: true
            auth: anonymous
          - host: "[::1]:5000"
            ca: ca.pem
            trusted_realms: [Auth.example.com]
        """
    )
    assert settings.registries == (
        RegistryConfigEntry(
            host="docker.io",
            mirror="mirror.example.com:5000/proxy/docker_hub",
            username_env="USER_NAME",
            password_env="PASSWORD",
        ),
        RegistryConfigEntry(host="localhost:5000", insecure=True, auth=RegistryAuth.ANONYMOUS),
        RegistryConfigEntry(host="[::1]:5000", ca=tmp_path / "ca.pem", trusted_realms=("auth.example.com",)),
    )
    assert settings.policy_config.listed_hosts == {"docker.io", "localhost:5000", "[::1]:5000"}


def test_pull_through_cache_is_configured_for_whole_registry_or_path(read_settings):
    settings = read_settings(
        """
        registries:
          - {host: Acme.azurecr.io/hub, upstream: index.docker.io}
          - {host: acme.azurecr.io/base/, upstream: mcr.microsoft.com/dotnet}
          - {host: acme.azurecr.io, auth: anonymous}
          - {host: 123456789012.dkr.ecr.eu-west-1.amazonaws.com/docker-hub, upstream: docker.io/library}
          - {host: europe-docker.pkg.dev, auth: gar, upstream: gcr.io}
        """
    )
    ecr, gar = "123456789012.dkr.ecr.eu-west-1.amazonaws.com", "europe-docker.pkg.dev"
    assert settings.registries == (
        RegistryConfigEntry(host="acme.azurecr.io/hub", upstream="docker.io"),
        RegistryConfigEntry(host="acme.azurecr.io/base", upstream="mcr.microsoft.com/dotnet"),
        RegistryConfigEntry(host="acme.azurecr.io", auth=RegistryAuth.ANONYMOUS),
        RegistryConfigEntry(host=f"{ecr}/docker-hub", upstream="docker.io/library"),
        RegistryConfigEntry(host="europe-docker.pkg.dev", auth=RegistryAuth.GAR, upstream="gcr.io"),
    )
    assert [(each.server, each.path) for each in settings.registries[:3]] == [
        ("acme.azurecr.io", "hub"),
        ("acme.azurecr.io", "base"),
        ("acme.azurecr.io", ""),
    ]
    assert settings.policy_config.listed_hosts == {"acme.azurecr.io", ecr, gar}, (
        "naming a cache is leave to contact its host"
    )


def test_public_keys_are_read_from_paths_relative_to_config(read_settings, tmp_path):
    key = trusted(ec.generate_private_key(ec.SECP256R1()), "keys/acme.pub")
    (tmp_path / "keys").mkdir()
    (tmp_path / key.name).write_bytes(key.pem)
    one, other = (f"{{image: '{glob}', keys: [keys/acme.pub]}}" for glob in ("ghcr.io/acme/**", "**"))
    settings = read_settings(f"trust: [{one}, {other}]")
    assert settings.policy_config.trust == (TrustEntry(("ghcr.io/acme/**",), (key,)), TrustEntry(("**",), (key,)))


def test_policy_rules_keep_order_and_set_only_keys_written_in_config(read_settings, tmp_path):
    key = trusted(ec.generate_private_key(ec.SECP256R1()))
    (tmp_path / "team.pub").write_bytes(key.pem)
    settings = read_settings(
        """
        policy:
          - match:
              image: docker.io/library/*
              path: [deploy/**, "**/Dockerfile"]
              format: "*"
              role: base
              repository: acme/*
              base_branch: main
            update: patch
            tag: "3.10"
          - pin: false
            ignore: true
            labels: [docker, "on"]
            require: {scan: true, signature: true}
            allow_introduced: {low: 9, critical: 0}
            open_when: {fixes: any, or_older_than: 30d}
            when_unknown: hold
          - {match: {}, update: digest, require: {}}
        trust:
          - {image: "ghcr.io/acme/**", keys: [team.pub]}
        """
    )
    match = RuleMatch(
        image=("docker.io/library/*",),
        path=("deploy/**", "**/Dockerfile"),
        format=("*",),
        role=Role.BASE,
        repository=("acme/*",),
        base_branch=("main",),
    )
    assert settings.policy_config == PolicyConfig(
        rules=(
            PolicyRule(match, update=UpdateMode.PATCH, tag="3.10"),
            PolicyRule(
                pin=False,
                ignore=True,
                labels=("docker", "on"),
                require=RequiredEvidence(scan=True, signature=True),
                allow_introduced=(IntroducedLimit(Severity.CRITICAL, 0), IntroducedLimit(Severity.LOW, 9)),
                open_when=OpenCondition(Severity.UNKNOWN, timedelta(days=30)),
                when_unknown=WhenUnknown.HOLD,
            ),
            PolicyRule(update=UpdateMode.DIGEST, require=RequiredEvidence()),
        ),
        trust=(TrustEntry(("ghcr.io/acme/**",), (key,)),),
    )


def test_key_allow_of_policy_rule_accepts_each_allowable_reason(read_settings):
    written = ", ".join(ALLOWABLE_REASONS)
    assert read_settings(f"policy: [{{allow: [{written}]}}]").policy == (PolicyRule(allow=ALLOWABLE_REASONS),)


def test_files_entries_for_same_format_are_merged(read_settings):
    settings = read_settings(
        """
        files:
          - {format: dockerfile, path: build/*.docker}
          - {format: kubernetes, path: [deploy/*.txt]}
          - {format: dockerfile, path: [images/**]}
        """
    )
    assert merge_globs(settings.files) == {
        "dockerfile": ("build/*.docker", "images/**"),
        "kubernetes": ("deploy/*.txt",),
    }


def test_config_without_key_own_differs_from_config_with_empty_list_of_own_images(read_settings):
    assert read_settings("").policy_config.own_globs is None
    assert read_settings("own: []").policy_config.own_globs == ()
    assert read_settings("own: [registry.example.com/**]").policy_config.own_globs == ("registry.example.com/**",)


def test_scanner_path_is_relative_to_config_unless_plain_name(read_settings, tmp_path):
    settings = read_settings(
        """
        scanners:
          - {kind: trivy, database: "127.0.0.1:5000/trivy-db:2", binary: trivy, timeout: 90s}
          - {kind: trivy, match: {image: [docker.io/**, ghcr.io/**]}, binary: bin/trivy}
          - {kind: trivy, server: "http://trivy.security:4954/", token_env: TRIVY_TOKEN}
          - {kind: report, match: {image: quay.io/**}, path: reports, one_run: true, max_age: 12h}
          - {kind: none}
        """
    )
    assert settings.scanners == (
        TrivyScannerEntry(database="127.0.0.1:5000/trivy-db:2", binary="trivy", timeout=timedelta(seconds=90)),
        TrivyScannerEntry(match=match_images("docker.io/**", "ghcr.io/**"), binary=str(tmp_path / "bin/trivy")),
        TrivyScannerEntry(server="http://trivy.security:4954", token_env="TRIVY_TOKEN"),
        ReportScannerEntry(
            path=tmp_path / "reports", match=match_images("quay.io/**"), one_run=True, max_age=timedelta(hours=12)
        ),
        NoScannerEntry(),
    )


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("500ms", timedelta(milliseconds=500)),
        ("0s", timedelta()),
        ("10m", timedelta(minutes=10)),
        ("24h", timedelta(days=1)),
    ],
)
def test_duration_in_config_is_parsed_with_unit(read_settings, written, expected):
    assert read_settings(f"proposals: {{write_delay: {written}}}").proposals.write_delay == expected


@pytest.mark.parametrize("written", ["1500ms", "90s", "10m", "36h"])
def test_duration_is_formatted_in_largest_exact_unit(written):
    units = {"ms": "milliseconds", "s": "seconds", "m": "minutes", "h": "hours"}
    number = int(written.rstrip("msh"))
    assert format_duration(timedelta(**{units[written.lstrip("0123456789")]: number})) == written


def test_default_write_delay_applies_only_to_repositories_selected_by_owner(read_settings):
    unstated = read_settings("")
    assert unstated.get_write_delay(is_selected_by_owner=True) == timedelta(seconds=1)
    assert unstated.get_write_delay(is_selected_by_owner=False) == timedelta()
    for written, expected in [("3s", timedelta(seconds=3)), ("0s", timedelta())]:
        stated = read_settings(f"proposals: {{write_delay: {written}}}")
        assert stated.get_write_delay(is_selected_by_owner=True) == expected
        assert stated.get_write_delay(is_selected_by_owner=False) == expected


def test_branch_prefix_can_contain_slashes(read_settings):
    assert read_settings("proposals: {branch_prefix: bots/base-images/}").proposals.branch_prefix == "bots/base-images/"


def test_paths_in_config_are_absolute_even_if_config_path_is_relative(write, tmp_path, monkeypatch):
    write("forges: [{kind: local, url: repositories}]")
    monkeypatch.chdir(tmp_path)
    (forge,) = load(Path("basebump.yaml"), requires_forges=True).forges
    assert forge == LocalForgeEntry(url=tmp_path / "repositories")


def test_paths_are_relative_to_symbolic_link_of_config_and_not_to_link_target(write, tmp_path):
    """Kubernetes mounts a config map as links into a folder that it replaces."""
    (tmp_path / "mounted").mkdir()
    link = tmp_path / "mounted" / "config.yaml"
    link.symlink_to(write("forges: [{kind: local, url: repositories}]"))
    assert load(link, requires_forges=True).forges == (LocalForgeEntry(url=tmp_path / "mounted" / "repositories"),)


def test_byte_order_mark_of_config_is_skipped(tmp_path):
    path = tmp_path / "basebump.yaml"
    path.write_bytes(b"\xef\xbb\xbfschema: 1\r\nown: []\r\n")
    assert load(path, requires_forges=False).policy_config.own_globs == ()


def test_example_configs_exist():
    assert len(EXAMPLES) >= 2


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_example_config_is_valid(path):
    assert load(path, requires_forges=True).forges


@pytest.mark.parametrize(
    "host",
    [
        "contoso.azurecr.io",
        "contoso-c4dzf8f7b7hpb2cb.azurecr.io",
        "contoso.eastus2.geo.azurecr.io",
        "registry.contoso.com",
    ],
)
def test_tasks_key_is_accepted_for_azure_registry_with_any_form_of_host_name(read_settings, host):
    resource = (
        "/subscriptions/4385CF00-2d3a-425a-832f-f4285b1c9dce/resourcegroups/Our_(Group)-1.x"
        "/providers/Microsoft.ContainerRegistry/registries/Contoso"
    )
    listed = f"{{host: {host}, auth: azure, trusted_realms: [{host}], tasks: {resource}}}"
    (registry,) = read_settings(f"registries: [{listed}]").registries
    assert registry.tasks == resource


def test_kev_and_epss_lists_can_be_urls_or_paths_relative_to_config(read_settings, tmp_path):
    named = read_settings("enrichment: {kev: lists/kev.json, epss: 'https://lists.example/epss.csv.gz'}").enrichment
    assert named == EnrichmentSection(kev=tmp_path / "lists" / "kev.json", epss="https://lists.example/epss.csv.gz")
    assert read_settings("").enrichment == EnrichmentSection()


def test_source_changes_are_looked_up_only_if_configured(read_settings):
    asked = read_settings("enrichment: {source_changes: true, github_token_env: SOURCE_TOKEN}")
    assert asked.enrichment == EnrichmentSection(source_changes=True, github_token_env="SOURCE_TOKEN")
    assert not asked.enrichment.has_advisories
    assert [problem.key for problem in asked.list_unset_variables({})] == ["enrichment.github_token_env"]
    assert not read_settings("enrichment: {kev: kev.json}").enrichment.source_changes


def test_vex_documents_can_be_files_folders_or_urls(read_settings, tmp_path):
    vex = read_settings(
        "enrichment: {vex: [{path: vex, authors: ['Acme *']}, {url: 'https://a.example/vex.json', authors: [Acme]}]}"
    ).enrichment.vex
    assert vex == (
        VexEntry(path=tmp_path / "vex", authors=("Acme *",)),
        VexEntry(url="https://a.example/vex.json", authors=("Acme",)),
    )
    assert [each.location for each in vex] == [tmp_path / "vex", "https://a.example/vex.json"]


def test_policy_rules_can_use_kev_if_kev_list_is_configured(read_settings):
    (rule,) = read_settings(
        """
        enrichment: {kev: kev.json}
        policy:
          - bypass_min_age_for: [kev, critical]
            open_when: {fixes: kev, or_older_than: 30d}
            due: {exploited: 72h, high: 30d}
        """
    ).policy
    assert rule.keys["due"] == DuePeriods(exploited=timedelta(days=3), high=timedelta(days=30))
    assert rule.keys["bypass_min_age_for"] == (AdvisoryList.KEV, Severity.CRITICAL)
    assert rule.keys["open_when"] == OpenCondition(AdvisoryList.KEV, timedelta(days=30))


@pytest.mark.parametrize("until", DueUntil)
def test_due_date_key_until_accepts_each_stage(read_settings, until):
    clusters = "state: sqlite:///state.db\nclusters: [{name: prod}]\n"
    (rule,) = read_settings(f"{clusters}policy: [{{due: {{high: 30d, until: {until}}}}}]").policy
    assert rule.keys["due"].until is until


def test_reviewer_team_name_can_contain_spaces(read_settings):
    (rule,) = read_settings("policy: [{reviewers: [ada, 'team:Shop Team', team:x]}]").policy
    assert rule.keys["reviewers"] == ("ada", "team:Shop Team", "team:x")
