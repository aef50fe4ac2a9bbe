"""Values files that a HelmRelease, an Application, a kustomization or a helmfile names, whatever their names are."""

from __future__ import annotations

import pytest
from support.forges.github.stand import GitHubStand
from support.forges.stands import LocalStand
from support.runs.worlds import build, write_tree

from bot.core.budgets import TreeBudget
from bot.formats import load_all_formats
from bot.model.forge import GitRepository
from bot.model.vocabulary import Reason
from bot.pipeline.references import extract, reader_processes, reader_slots
from bot.pipeline.references.extract import extract_references
from bot.pipeline.references.reader_slots import ReaderSlots
from bot.worktree import WorkTree

REPOSITORY = GitRepository("github", "acme/web", "main", "0" * 40)
OLD, NEW, NEWER = (build(each).digest for each in ("old", "new", "newer"))
VALUES = f"image:\n  repository: python\n  tag: 3.12-slim@{OLD}\n"
CHART = {
    "charts/web/Chart.yaml": "name: web\n",
    "charts/web/templates/pod.yaml": 'image: "{{ .Values.image.repository }}:{{ .Values.image.tag }}"\n',
}


def write_release(*values_files: str) -> str:
    return (
        "apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nspec:\n  chart:\n    spec:\n"
        "      chart: ./charts/web\n      sourceRef: {kind: GitRepository}\n"
        f"      valuesFiles: [{', '.join(values_files)}]\n"
    )


def extract_files(folder, files, *, processes=1, formats=None, budget=None):
    tree = WorkTree(write_tree(folder, files))
    slots = ReaderSlots(processes)
    return extract_references(REPOSITORY, tree, formats or load_all_formats(), None, budget, reader_slots=slots)


def list_images(result):
    return [(each.path, each.format, each.image.name) for each in result.references]


@pytest.fixture
def many_files():
    names = [f"apps/{number:02}.yaml" for number in range(40)]
    return {"release.yaml": write_release(*names), **CHART, **dict.fromkeys(names, VALUES)}


def test_values_files_named_by_releases_are_read_equally_by_one_or_two_processes(tmp_path, monkeypatch, many_files):
    alone = extract_files(tmp_path, many_files)
    assert len(alone.references) == 40
    assert [each.file.path for each in alone.readings] == sorted(each.file.path for each in alone.readings)
    monkeypatch.setattr(reader_slots, "PROCESS_WORK", 1)
    monkeypatch.setattr(reader_processes, "MIN_PART_WORK", 10_000)
    assert extract_files(tmp_path, many_files, processes=2) == alone


def test_values_files_named_by_releases_beyond_the_limit_are_reported_as_too_large(tmp_path, monkeypatch, many_files):
    monkeypatch.setattr(extract, "MAX_NAMED_FILES", 38)
    result = extract_files(tmp_path, many_files)
    assert len(result.references) == 38
    assert [(each.path, each.reason) for each in result.unsupported] == [
        ("apps/38.yaml", Reason.TOO_LARGE),
        ("apps/39.yaml", Reason.TOO_LARGE),
    ]
    assert result.has_unread_files


def test_values_files_named_by_releases_count_toward_limit_of_the_repository(tmp_path, many_files):
    result = extract_files(tmp_path, many_files, budget=TreeBudget(references=30))
    assert len(result.references) == 30
    assert [each.path for each in result.unsupported] == [f"apps/{number}.yaml" for number in range(30, 40)]
    assert len(result.failures) == 1


def test_reference_limit_exceeded_before_named_values_files_is_reported_once(tmp_path, many_files):
    froms = "FROM golang:1.22\n" * 31
    result = extract_files(tmp_path, {**many_files, "z/Dockerfile": froms}, budget=TreeBudget(references=30))
    assert result.references == ()
    assert len(result.failures) == 1
    assert result.has_unread_files


def test_named_values_file_that_another_format_selects_is_read_only_by_that_format(tmp_path):
    files = {
        "release.yaml": write_release("apps/compose.yaml", "apps/kustomization.yaml", "apps/pod.yaml", "apps/web.yaml"),
        "apps/compose.yaml": "services: {web: {image: 'nginx:1.27'}}\n",
        "apps/kustomization.yaml": "images: [{name: redis, newTag: '7'}]\n",
        "apps/pod.yaml": "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {containers: [{image: 'mysql:9'}]}\n",
        "apps/web.yaml": VALUES,
    }
    assert list_images(extract_files(tmp_path, files)) == [
        ("apps/compose.yaml", "compose", "nginx"),
        ("apps/kustomization.yaml", "kustomize", "redis"),
        ("apps/pod.yaml", "kubernetes", "mysql"),
        ("apps/web.yaml", "helm", "python"),
    ]


def test_values_files_named_by_releases_are_not_read_if_format_helm_is_disabled(tmp_path):
    files = {"release.yaml": write_release("apps/web.yaml"), "apps/web.yaml": VALUES}
    formats = [each for each in load_all_formats() if each.name != "helm"]
    assert extract_files(tmp_path, files, formats=formats).references == ()


def test_values_file_of_a_chart_that_a_release_also_names_is_read_once(tmp_path):
    """A template in a chart stays a template, even if a release names it as a values file."""
    files = {"release.yaml": write_release("charts/web/templates/pod.yaml", "charts/web/values.yaml"), **CHART}
    result = extract_files(tmp_path, {**files, "charts/web/values.yaml": VALUES})
    assert list_images(result) == [("charts/web/values.yaml", "helm", "python")]


@pytest.mark.real("git")
@pytest.mark.over_forges
@pytest.mark.parametrize("kind", [LocalStand, GitHubStand])
def test_branch_that_edits_named_values_file_is_refreshed_after_base_branch_changes(
    start_stand, updated_registry, kind
):
    """The base of the branch then has another version of the file, which must be read by the same format."""
    stand = start_stand(kind, {"release.yaml": write_release("apps/web.yaml"), "apps/web.yaml": VALUES, **CHART})

    def run():
        (report,) = updated_registry.run([stand.fleet()]).repositories
        return [(each.branch, each.outcome.value) for each in report.proposals]

    ((branch, outcome),) = run()
    assert outcome == "opened"
    assert stand.files(branch)["apps/web.yaml"].content.decode() == VALUES.replace(OLD, NEW)
    stand.commit("main", {"apps/web.yaml": f"# The web shop\n{VALUES}"})
    updated_registry.move("python", "3.12-slim", "newer")
    assert run() == [(branch, "refreshed")]
    assert stand.files(branch)["apps/web.yaml"].content.decode() == f"# The web shop\n{VALUES}".replace(OLD, NEWER)
