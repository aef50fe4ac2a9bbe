"""Tests that images which Renovate updates are left to it. More cases are in tests/formats/renovate."""

from __future__ import annotations

import re

import pytest
import re2
from support.soon import soon

from bot.core.budgets import TreeBudget, WorkLimitError
from bot.core.references.relate.renovate import assign_to_renovate
from bot.core.references.relate.renovate.patterns import PatternMatcher
from bot.model.cost_limits import MAX_TREE_PATTERN_BYTES, MIN_PATTERN_BYTES
from bot.model.cross_file import RenovateConfig, TreeBranch
from bot.model.image_name import ImageName
from bot.model.source import EditSlot, FilePath, NotEditable, Reference, Span
from bot.model.updater import BotUpdateType, ManagerSettings, PackageRule, RenovateSettings, UpdateTypeSettings
from bot.model.vocabulary import Reason, Role

PATH = FilePath("renovate.json")
SLOT = EditSlot(Span(10, 10), b"", prefix=b"@")
PINNED = f"@sha256:{'a' * 64}"
OFF = UpdateTypeSettings(enabled=False)
ON = UpdateTypeSettings(enabled=True)
MAIN, OTHER = TreeBranch("main", is_default=True), TreeBranch("release/2", is_default=False)


def build_reference(written="golang:1.22", path="Dockerfile", file_format="dockerfile", locator="stage[0]"):
    reference = ImageName.parse(written)
    return Reference(FilePath(path), 1, file_format, locator, written, reference, Role.BASE, SLOT, SLOT)


def is_left_to_renovate(found, *remarks, **settings):
    (left,) = assign_to_renovate(
        (found,), [RenovateConfig(PATH, 0, RenovateSettings(**settings)), *remarks], TreeBudget()
    )
    if left == found:
        return False
    assert left.digest_slot == left.tag_slot == NotEditable(Reason.OTHER_WRITER, SLOT)
    assert re.match(r"Renovate .* renovate\.json; .* `allow: \[other-writer\]`", *left.notes)
    return True


@pytest.mark.parametrize(
    ("branches", "branch", "expected"),
    [
        ((), MAIN, True),
        ((), OTHER, False),
        ((), None, True),
        (("dev",), MAIN, False),
        (("dev",), None, True),
        (("$default", "dev"), MAIN, True),
        (("main", "/^release\\/.*/"), OTHER, True),
        (("!/^release\\/.*/",), OTHER, False),
        (("!/^release\\/.*/",), MAIN, True),
        (("main", "/(?=x)/"), OTHER, True),
    ],
)
def test_renovate_updates_only_default_branch_unless_base_branch_patterns_are_set(branches, branch, expected):
    remarks = [] if branch is None else [branch]
    assert is_left_to_renovate(build_reference(), *remarks, branches=branches) is expected


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("golang:1.22", True),
        ("golang:1", True),
        ("golang:v1.22-alpine3.20", True),
        ("temurin:jdk-21", True),
        ("golang:latest", False),
        ("golang:alpine", False),
        ("debian:bookworm-slim", True),
        ("ubuntu:noble", True),
        ("ubuntu:rolling", False),
        (f"golang:latest{PINNED}", True),
        (f"golang{PINNED}", True),
    ],
)
def test_version_tags_and_digests_are_left_to_renovate(written, expected):
    assert is_left_to_renovate(build_reference(written), branches=()) is expected


@pytest.mark.parametrize("pins", [True, False])
def test_non_version_tag_is_left_to_renovate_only_if_renovate_pins_digests(pins):
    assert is_left_to_renovate(build_reference("golang:latest"), settings=UpdateTypeSettings(pin_digests=pins)) is pins
    rule = PackageRule(UpdateTypeSettings(pin_digests=pins), datasources=("docker",))
    assert is_left_to_renovate(build_reference("golang:latest"), rules=(rule,)) is pins
    dockerfile = ManagerSettings("dockerfile", UpdateTypeSettings(pin_digests=pins))
    assert is_left_to_renovate(build_reference("golang:latest"), managers=(dockerfile,)) is pins


def test_pin_digests_of_renovate_applies_to_chart_values_only_in_package_rule():
    values = build_reference("nginx:stable", "values.yaml", "helm", "0/image")
    pinning = UpdateTypeSettings(pin_digests=True)
    assert not is_left_to_renovate(values, settings=pinning)
    assert is_left_to_renovate(values, rules=(PackageRule(pinning, managers=("helm-values",)),))


@pytest.mark.parametrize(
    ("written", "off", "expected"),
    [
        ("golang:1", [BotUpdateType.MAJOR], False),
        ("golang:1.22", [BotUpdateType.MAJOR], True),
        ("golang:1.22", [BotUpdateType.MAJOR, BotUpdateType.MINOR], False),
        ("golang:1.22.3", [BotUpdateType.MAJOR, BotUpdateType.MINOR], True),
        ("golang:1.22.3", [BotUpdateType.MAJOR, BotUpdateType.MINOR, BotUpdateType.PATCH], False),
        (f"golang:1{PINNED}", [BotUpdateType.MAJOR], True),
        (f"golang:1{PINNED}", [BotUpdateType.MAJOR, BotUpdateType.DIGEST], False),
    ],
)
def test_image_is_left_to_renovate_unless_all_possible_updates_are_disabled(written, off, expected):
    by_themselves = UpdateTypeSettings(by_update_type=tuple((move, False) for move in off))
    assert is_left_to_renovate(build_reference(written), settings=by_themselves) is expected
    assert (
        is_left_to_renovate(build_reference(written), rules=(PackageRule(by_themselves, names=("golang",)),))
        is expected
    )
    rules = tuple(PackageRule(OFF, datasources=("docker",), update_types=(move.value,)) for move in off)
    assert is_left_to_renovate(build_reference(written), rules=rules) is expected


def test_last_matching_package_rule_decides_if_image_is_left_to_renovate():
    everything, golang = PackageRule(OFF, datasources=("docker",)), PackageRule(ON, names=("golang",))
    assert is_left_to_renovate(build_reference(), rules=(everything, golang))
    assert not is_left_to_renovate(build_reference(), rules=(golang, everything))
    assert not is_left_to_renovate(build_reference("node:22"), rules=(everything, golang))


def test_package_rule_for_one_update_type_does_not_enable_disabled_image():
    rules = PackageRule(OFF, names=("golang",)), PackageRule(ON, names=("golang",), update_types=("minor",))
    assert not is_left_to_renovate(build_reference(), rules=rules)


@pytest.mark.parametrize(
    "rule",
    [
        PackageRule(OFF, names=("/(?=go)/",)),
        PackageRule(OFF, names=("golang",), is_certain=False),
        PackageRule(OFF, branches=("main",)),
        PackageRule(OFF, update_types=("/(?=m)/",)),
    ],
)
def test_package_rule_that_may_not_match_does_not_disable_renovate(rule):
    assert is_left_to_renovate(build_reference(), rules=(rule,))


@pytest.mark.parametrize("rule", [PackageRule(ON, names=("/(?=go)/",)), PackageRule(ON, is_certain=False)])
def test_package_rule_that_may_match_enables_renovate(rule):
    assert is_left_to_renovate(build_reference(), rules=(PackageRule(OFF, datasources=("docker",)), rule))


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        (PackageRule(OFF, managers=("dockerfile",)), False),
        (PackageRule(OFF, managers=("npm",)), True),
        (PackageRule(OFF, categories=("docker",)), False),
        (PackageRule(OFF, categories=("python",)), True),
        (PackageRule(OFF, files=("Dockerfile",)), False),
        (PackageRule(OFF, files=("**/Dockerfile",), names=("node",)), True),
        (PackageRule(OFF, tags=("/^1\\./",)), False),
        (PackageRule(OFF, tags=("2.*",)), True),
        (PackageRule(OFF, branches=("main",)), False),
        (PackageRule(OFF, branches=("dev",)), True),
    ],
)
def test_package_rule_applies_only_if_all_matchers_match_reference(rule, expected):
    assert is_left_to_renovate(build_reference(), MAIN, rules=(rule,)) is expected


@pytest.mark.parametrize("written", ["nginx:1.27", "library/nginx:1.27", "docker.io/library/nginx:1.27"])
def test_ignored_image_name_matches_all_spellings_on_docker_hub(written):
    assert not is_left_to_renovate(build_reference(written), ignored_names=("nginx",))
    assert is_left_to_renovate(build_reference(written), ignored_names=("nginx-unprivileged",))


@pytest.mark.parametrize(
    ("ignored", "path", "expected"),
    [
        ("**/test/**", "test/Dockerfile", False),
        ("**/test/**", "a/test/b/Dockerfile", False),
        ("**/test/**", "latest/Dockerfile", True),
        ("test/", "a/test/Dockerfile", False),
        ("test/", "latest/Dockerfile", False),
    ],
)
def test_renovate_ignore_path_matches_as_glob_or_substring(ignored, path, expected):
    assert is_left_to_renovate(build_reference(path=path), ignored_paths=(ignored,)) is expected


def test_kubernetes_manager_reads_only_files_that_match_configured_patterns():
    pod = build_reference("nginx:1.27", "apps/pod.yaml", "kubernetes", "0/spec/containers/0/image")
    assert not is_left_to_renovate(pod)
    kubernetes = ManagerSettings("kubernetes", patterns=("/^apps/.+\\.yaml$/",))
    assert is_left_to_renovate(pod, managers=(kubernetes,))
    assert not is_left_to_renovate(pod, managers=(kubernetes,), enabled_managers=("dockerfile",))
    assert is_left_to_renovate(pod, managers=(kubernetes,), enabled_managers=("kubernetes",))
    assert not is_left_to_renovate(pod, managers=(ManagerSettings("kubernetes", OFF, kubernetes.patterns),))
    assert is_left_to_renovate(pod, managers=(ManagerSettings("kubernetes", patterns=("/(?=x)/",)),))


def test_values_in_chart_release_are_read_by_flux_and_helm_values_managers():
    values = build_reference("nginx:1.27", "apps/release.yaml", "kubernetes", "0/spec/values/image")
    pod = build_reference("nginx:1.27", "apps/release.yaml", "kubernetes", "0/spec/containers/0/image")
    for manager in ("flux", "helm-values"):
        told = (ManagerSettings(manager, patterns=("apps/**",)),)
        assert is_left_to_renovate(values, managers=told)
        assert not is_left_to_renovate(pod, managers=told)


def test_azure_pipelines_manager_of_renovate_is_disabled_by_default():
    container = build_reference("node:22", "azure-pipelines.yml", "azure-pipelines", "0/resources/containers/0")
    assert not is_left_to_renovate(container)
    assert is_left_to_renovate(container, managers=(ManagerSettings("azure-pipelines", ON),))


@pytest.mark.parametrize(
    "found",
    [
        build_reference(locator="stage[0].onbuild[0].copy"),
        build_reference(path="build.df"),
        build_reference("nginx:1.27", "compose.yaml", "compose", "0/services/a/build/dockerfile_inline>stage[0]"),
        build_reference("nginx:1.27", ".env", "compose", "0/services/a/image"),
        build_reference("nginx:1.27", "action.yml", "github-actions", "0/runs/image"),
        build_reference("nginx:1.27", ".github/workflows/a.yml", "github-actions", "0/jobs/a/steps/0"),
        build_reference("nginx:1.27", ".github/workflows/a.yml", "github-actions", "0/jobs/a/strategy/matrix/image/0"),
        build_reference("nginx:1.27", ".gitlab-ci.yml", "gitlab-ci", "0/a/parallel/matrix/0/IMAGE/0"),
        build_reference("nginx:1.27", "values-prod.yaml", "helm", "0/image"),
        build_reference("nginx:1.27", "docker-bake.hcl", "bake", "target.a"),
    ],
)
def test_reference_that_renovate_does_not_read_stays_editable(found):
    assert not is_left_to_renovate(found)


def test_note_on_editable_reference_names_presets_that_could_not_be_read():
    left, noted = assign_to_renovate(
        (build_reference(), build_reference("golang:latest")),
        [RenovateConfig(PATH, 0, RenovateSettings(unread_presets=("github>acme/" + "x" * 100, "local>a/b", "@acme")))],
        TreeBudget(),
    )
    assert len(left.notes) == 1
    assert noted.digest_slot == SLOT
    (note,) = noted.notes
    assert note.startswith("renovate.json extends `github>acme/xx")
    assert "x` and 2 more" not in note
    assert "…` and 2 more" in note
    assert len(note) < 300


def test_first_renovate_config_is_used_even_if_invalid():
    found = assign_to_renovate(
        (build_reference(),),
        [RenovateConfig(FilePath(".renovaterc"), 9, RenovateSettings()), RenovateConfig(PATH, 0, None)],
        TreeBudget(),
    )
    assert found[0].digest_slot == SLOT
    assert re.match(r"renovate\.json ", *found[0].notes)


def test_hundreds_of_package_rules_and_references_are_matched_fast():
    rules = tuple(PackageRule(OFF, names=(f"acme/x{n}-*", f"/^b{n}.*/"), files=("a/**",)) for n in range(200))
    references = tuple(build_reference(f"acme/img{n % 500}:1.2", path=f"a{n % 100}/Dockerfile") for n in range(1000))
    with soon(4):
        assign_to_renovate(references, [RenovateConfig(PATH, 0, RenovateSettings(rules=rules))], TreeBudget())


def test_unread_preset_adds_no_note_to_reference_excluded_by_config():
    latest = build_reference("golang:latest", "tests/Dockerfile")
    for settings in (
        {"ignored_paths": ("**/tests/**",)},
        {"enabled_managers": ("npm",)},
        {"included_paths": ("a/**",)},
    ):
        config = RenovateConfig(PATH, 0, RenovateSettings(unread_presets=("local>a/b",), **settings))
        assert assign_to_renovate((latest,), [config], TreeBudget()) == (latest,)


def test_manager_named_in_rules_is_enabled_if_a_preset_is_unread():
    pod = build_reference("nginx:1.27", "apps/pod.yaml", "kubernetes", "0/spec/containers/0/image")
    presets = {"unread_presets": ("local>a/b",)}
    for spoken_of in ("docker", "kubernetes"):
        assert is_left_to_renovate(pod, named_in_rules=frozenset({spoken_of}), **presets)
        assert not is_left_to_renovate(pod, named_in_rules=frozenset({spoken_of}))
    (noted,) = assign_to_renovate(
        (pod,), [RenovateConfig(PATH, 0, RenovateSettings(named_in_rules=frozenset({"npm"}), **presets))], TreeBudget()
    )
    assert noted.digest_slot == SLOT
    assert len(noted.notes) == 1


def test_image_in_file_of_custom_regex_manager_is_left_to_renovate():
    found = build_reference("nginx:1.27", "docker-bake.hcl", "bake", "target.a")
    assert is_left_to_renovate(found, custom_manager_patterns=("**/*.hcl",))
    assert not is_left_to_renovate(
        build_reference("nginx:latest", "docker-bake.hcl", "bake"), custom_manager_patterns=("**/*.hcl",)
    )
    assert not is_left_to_renovate(found, custom_manager_patterns=("**/*.hcl",), enabled_managers=("dockerfile",))
    assert is_left_to_renovate(found, custom_manager_patterns=("**/*.hcl",), enabled_managers=("custom.regex",))
    assert not is_left_to_renovate(
        found, custom_manager_patterns=("**/*.hcl",), rules=(PackageRule(OFF, names=("nginx",)),)
    )


@pytest.mark.parametrize("count", [50, 100])
def test_matching_costs_steps_for_each_pair_of_package_rule_and_reference(count):
    rules = tuple(PackageRule(OFF, names=(f"acme/x{number}-*",)) for number in range(count))
    references = tuple(build_reference(f"acme/img{number}:1.2") for number in range(count))
    budget = TreeBudget()
    assign_to_renovate(references, [RenovateConfig(PATH, 0, RenovateSettings(rules=rules))], budget)
    steps = TreeBudget().steps - budget.steps
    assert 2 * count**2 <= steps <= 2 * count**2 + 20 * count


def test_too_many_pairs_of_package_rules_and_references_exceed_work_limit():
    rules = tuple(PackageRule(OFF, names=(f"acme/x{number}",)) for number in range(100))
    references = tuple(build_reference(f"acme/img{number}:1.2") for number in range(100))
    config = RenovateConfig(PATH, 0, RenovateSettings(rules=rules))
    with pytest.raises(WorkLimitError, match=r"renovate\.json: .* steps"):
        assign_to_renovate(references, [config], TreeBudget(steps=10_000))


def test_each_renovate_pattern_is_compiled_once_up_to_limit_of_patterns(monkeypatch):
    """The compiled patterns of a config with more patterns than a cache holds were compiled again for each image."""
    compiled, compile_expression = [], re2.compile
    monkeypatch.setattr(re2, "compile", lambda *each: compiled.append(each) or compile_expression(*each))
    rules = tuple(
        PackageRule(OFF, names=tuple(f"/^x{number}-{part}.*/" for part in range(45))) for number in range(200)
    )
    references = tuple(build_reference(f"acme/img{number}:1.2") for number in range(3))
    with pytest.raises(WorkLimitError, match=r"renovate\.json: the patterns "):
        assign_to_renovate(references, [RenovateConfig(PATH, 0, RenovateSettings(rules=rules))], TreeBudget())
    assert len(compiled) <= MAX_TREE_PATTERN_BYTES // MIN_PATTERN_BYTES
    few = [RenovateConfig(PATH, 0, RenovateSettings(rules=rules[:20]))]
    compiled.clear()
    assign_to_renovate(references, few, TreeBudget())
    assert len(compiled) <= 20 * 45 + 2


def test_cost_of_matching_nested_repetition_grows_with_compiled_size():
    budget, value = TreeBudget(), "a" * 100
    matcher = PatternMatcher(budget, "renovate.json")
    matcher.is_match("/(a?){900}b/", value)
    assert TreeBudget().steps - budget.steps > 100


def test_pattern_longer_than_limit_is_not_matched():
    budget = TreeBudget()
    matcher = PatternMatcher(budget, "renovate.json")
    assert matcher.is_list_match(["a" * 1_000_000, "!" + "b" * 1_000_000], "c") is None
    assert (TreeBudget().steps - budget.steps, budget.pattern_bytes) == (2, TreeBudget().pattern_bytes)


def test_compilation_of_large_patterns_stops_at_step_budget():
    matcher = PatternMatcher(TreeBudget(steps=10_000), "renovate.json")
    patterns = [f"/.{{999}}.{{999}}{number}/" for number in range(1000)]
    with pytest.raises(WorkLimitError, match=r"renovate\.json: .* steps"):
        matcher.is_list_match(patterns, "a")
    assert len(matcher._expressions) <= 20
