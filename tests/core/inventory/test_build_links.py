"""Which own image is built from which file: config, provenance and labels."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from support.values import digest

from bot.core.inventory.build_links import BuildLinker, parse_source
from bot.model.build_link import BuildLink, LinkEvidence
from bot.model.image_name import ImageName
from bot.model.inventory import BranchKey
from bot.model.own_build import BaseEvidence, BuiltOn, ConfiguredBuild, OwnBuild

NOW = datetime(2026, 11, 25, tzinfo=UTC)
HOUR = timedelta(hours=1)
WEB, API = (BranchKey("github", "github.com", f"acme/{name}", "main") for name in ("web", "api"))
RELEASE = replace(WEB, base_branch="release/1")
PYTHON, NODE = "docker.io/library/python", "docker.io/library/node"
FILES = {(WEB, "Dockerfile"): [PYTHON], (API, "Dockerfile"): [PYTHON], (API, "jobs/Dockerfile"): [NODE]}
IMAGE = "r.example.com/acme/image"


def build(word: str = "1", image: str = IMAGE, source: str | None = "https://github.com/acme/web", **more) -> OwnBuild:
    return OwnBuild(image, digest(word), **({"built_at": NOW, "source": source, "revision": "c0ffee"} | more))


def build_attested_image(dockerfile: str | None = "Dockerfile", **more) -> OwnBuild:
    return build(**({"dockerfile": dockerfile, "is_attested": True} | more))


def link(configured=(), builds=(), files=FILES):
    """Return the files from which IMAGE is built, with the evidence."""
    links = BuildLinker(files).link_images(configured, builds)
    return {file: each.evidence for file, found in links.items() for each in found if each.image == IMAGE}


@pytest.mark.parametrize("name", ["acme/web", "Acme/Web"])
def test_configured_build_links_image_to_existing_file_of_repository(name):
    assert link([ConfiguredBuild(repository=name, image=ImageName(IMAGE, None, None))]) == {
        (WEB, "Dockerfile"): LinkEvidence.CONFIG
    }
    assert link([ConfiguredBuild(repository=name, dockerfile="missing", image=ImageName(IMAGE, None, None))]) == {}


def test_configured_build_takes_precedence_over_labels_and_provenance():
    found = link(
        [ConfiguredBuild(repository="acme/api", image=ImageName(IMAGE, None, None))], [build(), build_attested_image()]
    )
    assert found == {(API, "Dockerfile"): LinkEvidence.CONFIG}


def test_image_is_linked_to_existing_file_named_in_provenance():
    found = link(builds=[build_attested_image("jobs/Dockerfile", source="https://github.com/acme/api.git")])
    assert found == {(API, "jobs/Dockerfile"): LinkEvidence.PROVENANCE}
    assert link(builds=[build_attested_image("other", source="https://github.com/acme/api.git"), build()]) == {}


def test_newest_provenance_of_an_image_determines_the_linked_file():
    moved = build_attested_image("jobs/Dockerfile", word="2", source="https://github.com/acme/api", built_at=NOW + HOUR)
    assert link(builds=[moved, build_attested_image()]) == {(API, "jobs/Dockerfile"): LinkEvidence.PROVENANCE}


def test_source_label_links_image_to_the_only_file_of_a_repository():
    assert link(builds=[build()]) == {(WEB, "Dockerfile"): LinkEvidence.SOURCE}


def test_source_label_selects_among_several_files_only_by_a_matching_base_image():
    source = "https://github.com/acme/api"
    assert link(builds=[build(source=source)]) == {}
    on_node = BuiltOn(NODE, digest("node"), BaseEvidence.LAYERS)
    assert link(builds=[build(source=source, bases=(on_node,))]) == {(API, "jobs/Dockerfile"): LinkEvidence.SOURCE}
    on_both = (on_node, BuiltOn(PYTHON, digest("python"), BaseEvidence.LAYERS))
    assert link(builds=[build(source=source, bases=on_both)]) == {}


def test_provenance_without_a_dockerfile_links_image_to_the_only_file():
    assert link(builds=[build_attested_image(None)]) == {(WEB, "Dockerfile"): LinkEvidence.PROVENANCE}


@pytest.mark.parametrize("source", ["https://github.com/acme/other", "https://evil.example/acme/web", "acme/web", None])
def test_image_with_source_outside_of_fleet_is_linked_to_no_file(source):
    assert link(builds=[build(source=source)]) == {}


def test_source_label_inherited_from_golden_image_is_ignored():
    golden = build("golden", "r.example.com/golden/python")
    app = build("app", bases=(BuiltOn(golden.repository, golden.digest, BaseEvidence.LAYERS),))
    assert link(builds=[golden, app]) == {}
    own = replace(app, revision="other")  # a repository that builds both
    assert link(builds=[golden, own]) == {(WEB, "Dockerfile"): LinkEvidence.SOURCE}


def test_source_url_matches_repository_on_azure_devops_or_below_url_path():
    azure = BranchKey("azure", "dev.azure.com/contoso", "Shop/web", "main")
    gitea = BranchKey("gitea", "git.example.com/forge", "acme/web", "main")
    files = {(azure, "Dockerfile"): [PYTHON], (gitea, "Dockerfile"): [PYTHON]}
    for key, source in {
        azure: "https://dev.azure.com/contoso/Shop/_git/web",
        gitea: "https://git.example.com/forge/acme/web.git",
    }.items():
        assert set(link(builds=[build(source=source)], files=files)) == {(key, "Dockerfile")}


def test_file_on_several_base_branches_is_linked_only_if_evidence_names_a_branch():
    files = {(WEB, "Dockerfile"): [PYTHON], (RELEASE, "Dockerfile"): [PYTHON]}
    entry = ConfiguredBuild(repository="acme/web", image=ImageName(IMAGE, None, None))
    assert link([entry], files=files) == {}
    assert set(link([replace(entry, base_branch="release/1")], files=files)) == {(RELEASE, "Dockerfile")}
    assert set(link(builds=[build_attested_image(branch="main")], files=files)) == {(WEB, "Dockerfile")}
    assert link(builds=[build_attested_image()], files=files) == {}
    assert link(builds=[build_attested_image(branch="v1.2")], files=files) == {}
    assert link(builds=[build()], files=files) == {}


def test_image_with_weaker_evidence_is_not_linked_to_already_linked_file():
    forged = build("forged", "r.example.com/evil/image")
    linker = BuildLinker(FILES)
    assert linker.link_images([], [build_attested_image(), forged])[WEB, "Dockerfile"] == (
        BuildLink(IMAGE, LinkEvidence.PROVENANCE),
    )
    configured = [ConfiguredBuild(repository="acme/web", image=ImageName(IMAGE, None, None))]
    forged = build_attested_image(image="r.example.com/evil/image")
    assert linker.link_images(configured, [forged])[WEB, "Dockerfile"] == (BuildLink(IMAGE, LinkEvidence.CONFIG),)


def test_several_images_can_be_linked_to_the_same_dockerfile():
    builds = [build_attested_image(image=f"r.example.com/acme/{name}") for name in ("web", "worker")]
    links = BuildLinker(FILES).link_images([], builds)
    assert [each.image for each in links[WEB, "Dockerfile"]] == ["r.example.com/acme/web", "r.example.com/acme/worker"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("https://github.com/Acme/Web.git", "github.com/acme/web"),
        ("git+https://github.com/acme/web@refs/heads/main", "github.com/acme/web"),
        ("git@gitlab.example.com:group/sub/web.git", "gitlab.example.com/group/sub/web"),
        ("https://git.example.com:3000/forge/acme/web", "git.example.com:3000/forge/acme/web"),
        ("https://dev.azure.com/Contoso/Shop%20Team/_git/Web", "dev.azure.com/contoso/shop team/web"),
        ("https://contoso@dev.azure.com/contoso/Shop/_git/web", "dev.azure.com/contoso/shop/web"),
        ("https://dev.azure.com/contoso/_git/web", "dev.azure.com/contoso/web/web"),
        ("acme/web with spaces", None),
        ("", None),
    ],
)
def test_source_url_is_parsed_into_server_and_repository_name(text, expected):
    assert parse_source(text) == expected
