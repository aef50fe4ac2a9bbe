"""What merging an update of a base image leads to, over several layers of golden images."""

from __future__ import annotations

from bot.core.inventory.rebuild_effects import MAX_ROUNDS, RebuildFinder
from bot.model.build_link import BuildLink, LinkEvidence
from bot.model.inventory import BranchKey
from bot.model.rebuild_effect import RebuildEffect

PYTHON, GOLDEN, TOOLS = "docker.io/library/python", "r.example.com/golden/python", "r.example.com/golden/tools"


def build_branch_key(name: str, branch: str = "main") -> BranchKey:
    return BranchKey("github", "github.com", f"acme/{name}", branch)


def link(*images: str) -> tuple[BuildLink, ...]:
    return tuple(BuildLink(image, LinkEvidence.CONFIG) for image in images)


APPS = {(build_branch_key(f"app-{number}"), "Dockerfile"): [TOOLS if number % 2 else GOLDEN] for number in range(41)}
FILES = {
    (build_branch_key("golden"), "python/Dockerfile"): [PYTHON],
    (build_branch_key("golden"), "tools/Dockerfile"): [GOLDEN],
    **APPS,
    (build_branch_key("app-1", "release/1"), "Dockerfile"): [TOOLS],
}
LINKS = {
    (build_branch_key("golden"), "python/Dockerfile"): link(GOLDEN, "r.example.com/golden/python-dev"),
    (build_branch_key("golden"), "tools/Dockerfile"): link(TOOLS),
    (build_branch_key("app-1"), "Dockerfile"): link("r.example.com/acme/app-1"),
}


def test_update_of_golden_image_affects_direct_and_indirect_dependents():
    finder = RebuildFinder(LINKS, FILES)
    images = (GOLDEN, "r.example.com/golden/python-dev")
    assert finder.find_effect(build_branch_key("golden"), ["python/Dockerfile"]) == RebuildEffect(images, 41)
    assert finder.find_effect(build_branch_key("golden"), ["tools/Dockerfile"]) == RebuildEffect((TOOLS,), 20)


def test_update_of_image_that_no_repository_uses_affects_no_repository():
    finder = RebuildFinder(LINKS, FILES)
    assert finder.find_effect(build_branch_key("app-1"), ["Dockerfile"]) == RebuildEffect(
        ("r.example.com/acme/app-1",), 0
    )


def test_rebuild_effect_is_unknown_if_image_built_from_file_is_unknown():
    assert RebuildFinder(LINKS, FILES).find_effect(build_branch_key("app-2"), ["Dockerfile"]) is None
    assert RebuildFinder({}, FILES).find_effect(build_branch_key("golden"), ["python/Dockerfile"]) is None


def test_repositories_of_images_that_build_on_each_other_are_counted_once():
    files = {(build_branch_key("a"), "Dockerfile"): ["r.io/b"], (build_branch_key("b"), "Dockerfile"): ["r.io/a"]}
    links = {
        (build_branch_key("a"), "Dockerfile"): link("r.io/a"),
        (build_branch_key("b"), "Dockerfile"): link("r.io/b"),
    }
    assert RebuildFinder(links, files).find_effect(build_branch_key("a"), ["Dockerfile"]) == RebuildEffect(
        ("r.io/a",), 1
    )


def test_rebuild_effect_follows_chain_of_images_only_up_to_limit():
    files = {(build_branch_key(str(number)), "Dockerfile"): [f"r.io/{number - 1}"] for number in range(50)}
    links = {(build_branch_key(str(number)), "Dockerfile"): link(f"r.io/{number}") for number in range(50)}
    effect = RebuildFinder(links, files).find_effect(build_branch_key("0"), ["Dockerfile"])
    assert effect == RebuildEffect(("r.io/0",), MAX_ROUNDS)
