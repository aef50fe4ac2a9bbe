"""Work that the files of one repository cause is bounded, and the other repositories of a run go on."""

from __future__ import annotations

import json
from collections import Counter
from itertools import count

import dockerfile_parse
import pytest
from support.forges.github.stand import GitHubStand
from support.forges.stands import LocalStand
from support.git import DiskRepository
from support.runs.worlds import build, list_outcomes, write_tree
from support.values import reference

from bot.core.budgets import EditBudget, TreeBudget, WorkLimitError
from bot.formats import load_all_formats
from bot.model.cost_limits import MAX_PATH_FOLDERS, RELATED_ITEM_BYTES
from bot.model.decision import ImageUpdate, TrackedImage, UpdateCandidate
from bot.model.forge import GitRepository
from bot.model.policy import Policy, PolicyRule, RuleMatch
from bot.model.proposal import RequestState
from bot.model.source import SourceFile
from bot.model.vocabulary import Reason, RunLevel
from bot.pipeline.choice import lookup_shares
from bot.pipeline.choice.decided_scan import DecidedScan, TreeScan
from bot.pipeline.choice.lookup_shares import limit_lookups
from bot.pipeline.failures import FailureLog
from bot.pipeline.proposal import plan_proposals
from bot.pipeline.references import edit, extract, file_reading
from bot.pipeline.references.extract import ExtractResult, extract_references
from bot.pipeline.references.file_reading import read_file
from bot.worktree import WorkTree

OLD = build("old").digest
PINNED = f"FROM python:3.12@{OLD}\n"


def write_froms(number: int) -> str:
    return "".join(f"FROM golang:1.{each}\n" for each in range(number))


def write_renovate_rules(number: int) -> str:
    rules = [{"matchPackageNames": [f"/^acme-{each}/"], "enabled": False} for each in range(number)]
    return json.dumps({"packageRules": rules})


def extract_files(tmp_path, files, budget: TreeBudget | None = None, rules: tuple[PolicyRule, ...] = ()):
    tree = WorkTree(write_tree(tmp_path / "tree", files))
    repository = GitRepository("github", "acme/web", "main", "0" * 40)
    return extract_references(repository, tree, load_all_formats(), lambda *_: rules, budget)


def test_file_with_too_many_image_references_is_skipped_as_too_large(tmp_path, monkeypatch):
    monkeypatch.setattr(file_reading, "MAX_FILE_REFERENCES", 3)
    result = extract_files(tmp_path, {"a/Dockerfile": write_froms(3), "b/Dockerfile": write_froms(4)})
    assert [each.path for each in result.references] == ["a/Dockerfile"] * 3
    assert [(each.path, each.reason) for each in result.unsupported] == [("b/Dockerfile", Reason.TOO_LARGE)]
    assert result.failures == ()
    assert result.may_hide_image("docker.io/library/golang")


def test_file_with_too_many_variables_is_skipped_as_too_large(tmp_path, monkeypatch):
    monkeypatch.setattr(file_reading, "MAX_FILE_FACTS", 3)
    variables = "".join(f"TAG_{each}=1\n" for each in range(9))
    compose = "services: {web: {image: 'nginx:${TAG_1}'}}\n"
    result = extract_files(tmp_path, {".env": variables, "compose.yaml": compose})
    assert [(each.path, each.reason) for each in result.unsupported if not each.text] == [(".env", Reason.TOO_LARGE)]
    assert result.references == ()


def test_extraction_of_a_file_stops_after_limit_of_references_is_exceeded(tmp_path, monkeypatch):
    monkeypatch.setattr(file_reading, "MAX_FILE_REFERENCES", 3)
    extracted = count()
    (dockerfile,) = [each for each in load_all_formats() if each.name == "dockerfile"]

    class CountingFormat:
        name = "dockerfile"

        def extract(self, file):
            for item in dockerfile.extract(file):
                next(extracted)
                yield item

    file = SourceFile("Dockerfile", write_froms(1000).encode())
    read_file(file, CountingFormat())
    assert next(extracted) == 4


def test_files_are_skipped_after_reference_limit_of_repository_is_reached(tmp_path):
    files = {f"{name}/Dockerfile": write_froms(2) for name in "abcd"}
    result = extract_files(tmp_path, files, TreeBudget(references=5))
    assert [each.path for each in result.references] == ["a/Dockerfile"] * 2 + ["b/Dockerfile"] * 2
    assert [(each.path, each.reason) for each in result.unsupported] == [
        ("c/Dockerfile", Reason.TOO_LARGE),
        ("d/Dockerfile", Reason.TOO_LARGE),
    ]
    (failure,) = result.failures
    assert failure.subject == "acme/web"
    assert failure.error.startswith("c/Dockerfile and the files after it were not read, because basebump reads at most")
    assert result.has_unread_files


def test_files_without_images_count_toward_limit_of_read_bytes(tmp_path):
    files = {f"{name}/Dockerfile": "FROM scratch\n" for name in "abc"}
    result = extract_files(tmp_path, files, TreeBudget(read_bytes=2 * len("FROM scratch\n")))
    assert [(each.path, each.reason) for each in result.unsupported] == [("c/Dockerfile", Reason.TOO_LARGE)]
    assert len(result.failures) == 1


def test_references_derived_from_values_files_count_toward_reference_limit(tmp_path):
    files = {
        "web/Chart.yaml": "apiVersion: v2\nname: web\nversion: 1.0.0\n",
        "web/values.yaml": "image: {repository: nginx, tag: '1.27'}\n",
        **{f"web/values-{name}.yaml": "image: {tag: '1.26'}\n" for name in "abcd"},
        "web/templates/pod.yaml": "image: {{ .Values.image.repository }}:{{ .Values.image.tag }}\n",
    }
    assert len(extract_files(tmp_path / "a", files, TreeBudget(references=5)).extracted) == 5
    with pytest.raises(WorkLimitError, match="image references in one repository"):
        extract_files(tmp_path / "b", files, TreeBudget(references=4))


def test_tree_whose_paths_have_too_many_characters_in_total_is_an_error(tmp_path):
    files = {f"{name}/unread.bin": "" for name in "abc"}
    extract_files(tmp_path, files, TreeBudget(path_characters=3 * len("a/unread.bin")))
    with pytest.raises(WorkLimitError, match="the paths of all files have more than"):
        extract_files(tmp_path, files, TreeBudget(path_characters=3 * len("a/unread.bin") - 1))


def test_file_nested_in_too_many_folders_is_not_read_and_failure_is_reported(tmp_path):
    deepest, deeper = "d/" * MAX_PATH_FOLDERS, "d/" * (MAX_PATH_FOLDERS + 1)
    result = extract_files(tmp_path, {f"{deepest}Dockerfile": "FROM golang\n", f"{deeper}Dockerfile": "FROM golang\n"})
    assert [each.path for each in result.references] == [f"{deepest}Dockerfile"]
    (failure,) = result.failures
    assert failure.subject == "acme/web"
    assert failure.error.startswith("1 files were not read")
    assert result.has_unread_files


@pytest.mark.parametrize("number", [40, 80])
def test_steps_spent_on_rules_of_repository_are_number_of_rules_times_references(tmp_path, number):
    rules = tuple(PolicyRule(RuleMatch(path=(f"x{each}/**", "y"), image=("a/**",)), pin=True) for each in range(number))
    files = {"Dockerfile": write_froms(number), ".basebump.yaml": "schema: 1\n"}
    budget = TreeBudget()
    extract_files(tmp_path, files, budget, rules)
    steps = TreeBudget().steps - budget.steps
    assert 2 * number**2 <= steps <= 2.3 * number**2


def test_rules_in_repository_that_need_too_many_steps_raise_an_error(tmp_path):
    rules = (PolicyRule(RuleMatch(path=("x/**",)), pin=True),) * 10
    files = {"Dockerfile": write_froms(11), ".basebump.yaml": "schema: 1\n"}
    with pytest.raises(WorkLimitError, match=r"the repository's own config file: .* steps"):
        extract_files(tmp_path, files, TreeBudget(steps=100), rules)


@pytest.mark.real("git")
def test_repository_that_exceeds_work_limit_fails_and_others_are_still_updated(tmp_path, loopback):
    loopback.move("python", "3.12", "old")
    loopback.move("python", "3.12", "new")
    hostile = {"Dockerfile": PINNED, "renovate.json": write_renovate_rules(2000)}
    fleets = [
        LocalStand(tmp_path / name, files).fleet() for name, files in (("a", hostile), ("b", {"Dockerfile": PINNED}))
    ]
    report = loopback.run(fleets)
    assert list_outcomes(report) == ["opened"]
    (failure,) = report.failed
    assert failure.subject == "acme"
    assert failure.error.startswith("renovate.json: the patterns of the repository exceed the limit")


@pytest.mark.real("git")
@pytest.mark.parametrize("written", ["golang:1.{}", f"python:3.12@{OLD[:-4]}{{:04}}"], ids=["tags", "digests"])
def test_image_lookups_of_one_repository_stop_at_limit_and_others_are_updated(tmp_path, loopback, monkeypatch, written):
    monkeypatch.setattr(lookup_shares, "MAX_TREE_IMAGES", 3)
    loopback.move("python", "3.12", "old")
    loopback.move("python", "3.12", "new")
    froms = [f"FROM {written.format(number)}\n" for number in range(50)]
    stand = LocalStand(tmp_path, {"Dockerfile": "".join(froms * 2)})
    DiskRepository.create(tmp_path / "other.git", {"Dockerfile": PINNED}, bare=True)
    report = loopback.run([stand.fleet()], RunLevel.REPORT)
    reasons = Counter(each.reason for each in report.repositories[0].verdicts)
    assert reasons[Reason.TOO_MANY_IMAGES] == 94
    assert [each.outcome.value for each in report.repositories[1].proposals] == ["would-open"]
    (failure,) = [each for each in report.failed if each.subject == "acme"]
    assert failure.error.startswith("only 3 of 50 distinct images were looked up")
    assert len(loopback.registry.served_requests) <= 4 * (3 + 1) + 2


@pytest.mark.real("git")
def test_pull_request_stays_open_if_image_limit_prevents_lookup(tmp_path, loopback, monkeypatch):
    loopback.move("python", "3.12", "old")
    loopback.move("python", "3.12", "new")
    stand = LocalStand(tmp_path, {"b/Dockerfile": PINNED})
    assert list_outcomes(loopback.run([stand.fleet()])) == ["opened"]
    monkeypatch.setattr(lookup_shares, "MAX_TREE_IMAGES", 3)
    stand.commit("main", {"a/Dockerfile": write_froms(3)})
    report = loopback.run([stand.fleet()])
    assert list_outcomes(report) == ["left-alone"]
    assert [request.state for request in stand.requests()] == [RequestState.OPEN]


def select(*written: str) -> list[TrackedImage]:
    references = [reference(each) for each in written]
    return [TrackedImage(each, each.image.to_tag_ref(None), Policy()) for each in references]


def build_selected_scan(repository: GitRepository, *written: str) -> DecidedScan[TreeScan]:
    return DecidedScan(TreeScan(ExtractResult(repository)), tuple(select(*written)))


def test_image_looked_up_for_one_repository_does_not_use_lookup_limit_of_another(monkeypatch):
    monkeypatch.setattr(lookup_shares, "MAX_TREE_IMAGES", 1)
    web, api = (GitRepository("github", name, "main", "0" * 40) for name in ("acme/web", "acme/api"))
    failures = FailureLog()
    scans = [
        build_selected_scan(web, "nginx:1", "redis:7", "golang:1"),
        build_selected_scan(api, "redis:7", "redis:7"),
    ]
    limited = limit_lookups(scans, failures)
    assert [[isinstance(item, TrackedImage) for item in each.selections] for each in limited] == [
        [True, True, False],
        [True, True],
    ]
    assert [failure.subject for failure in failures.list_all()] == ["acme/web"]


def test_base_branches_of_a_repository_share_one_limit_of_lookups(monkeypatch):
    monkeypatch.setattr(lookup_shares, "MAX_TREE_IMAGES", 1)
    main, release = (GitRepository("github", "acme/web", branch, "0" * 40) for branch in ("main", "release/1"))
    failures = FailureLog()
    scans = [build_selected_scan(main, "nginx:1"), build_selected_scan(release, "redis:7")]
    limited = limit_lookups(scans, failures)
    assert [isinstance(item, TrackedImage) for each in limited for item in each.selections] == [True, False]
    assert len(failures.list_all()) == 1


def test_lookups_of_a_scanned_folder_are_not_limited(monkeypatch):
    monkeypatch.setattr(lookup_shares, "MAX_TREE_IMAGES", 1)
    folder = GitRepository("", "", None, None)
    failures = FailureLog()
    (limited,) = limit_lookups([build_selected_scan(folder, "nginx:1", "redis:7")], failures)
    assert failures.list_all() == ()
    assert all(isinstance(item, TrackedImage) for item in limited.selections)


@pytest.mark.real("git")
def test_updates_are_not_proposed_after_edit_budget_of_repository_is_used_up(tmp_path, loopback, monkeypatch):
    """Each proposal parses its edited files again, so many images in one large file cost the square of its size."""
    for name in "abcde":
        loopback.move(name, "1", "old")
        loopback.move(name, "1", "new")
    content = "".join(f"FROM {name}:1@{OLD}\n" for name in "abcde")
    edited_files, edit_file = [], edit._edit_file
    monkeypatch.setattr(edit, "_edit_file", lambda *each: edited_files.append(each) or edit_file(*each))
    monkeypatch.setattr(plan_proposals, "EditBudget", lambda: EditBudget(2 * len(content) + 1))
    report = loopback.run([LocalStand(tmp_path, {"Dockerfile": content}).fleet()])
    assert list_outcomes(report) == ["opened"] * 3
    assert len(edited_files) == 3
    reasons = [each.reason for each in report.repositories[0].verdicts]
    assert reasons == [None, None, None, Reason.TOO_MANY_IMAGES, Reason.TOO_MANY_IMAGES]
    (failure,) = report.failed
    assert failure.subject == "acme"
    assert failure.error.startswith("not all updates are proposed, because all proposals together edit files of more")


@pytest.mark.real("git")
def test_exceeded_edit_budget_is_reported_even_if_forge_also_fails(start_stand, loopback, monkeypatch):
    for name in "ab":
        loopback.move(name, "1", "old")
        loopback.move(name, "1", "new")
    stand = start_stand(GitHubStand, {"Dockerfile": f"FROM a:1@{OLD}\nFROM b:1@{OLD}\n"})
    monkeypatch.setattr(plan_proposals, "EditBudget", lambda: EditBudget(1))
    stand.server.fail("GET .*/git/matching-refs/", stand.server.problem(403, "Resource not accessible"))
    report = loopback.run([stand.fleet()])
    first, second = [each.error for each in report.failed]
    assert first.startswith("not all updates are proposed")
    assert "Resource not accessible" in second


def test_edit_of_a_variable_uses_edit_budget_for_every_reference_and_variable(tmp_path):
    files = {".env": "TAG=3.12\n", "compose.yaml": "services: {web: {image: 'python:${TAG}'}}\n"}
    costs = []
    for number in (10, 100):
        result = extract_files(tmp_path / str(number), {**files, "Dockerfile": write_froms(number)})
        (target,) = [each for each in result.references if each.path == ".env"]
        budget = EditBudget()
        tracked_image = TrackedImage(target, target.image.to_tag_ref(None), Policy())
        (change,) = edit.edit_files(result, [ImageUpdate(tracked_image, (UpdateCandidate(OLD, ()),))], budget).changes
        costs.append(EditBudget().edited_bytes - budget.edited_bytes - len(change.content))
    assert costs[1] - costs[0] == 90 * RELATED_ITEM_BYTES


def test_unedited_content_of_a_file_is_parsed_once_for_all_proposals(tmp_path, monkeypatch):
    parsed_contents = []

    class CountingParser(dockerfile_parse.DockerfileParser):
        def __init__(self, fileobj):
            parsed_contents.append(fileobj.getvalue())
            super().__init__(fileobj=fileobj)

    monkeypatch.setattr(dockerfile_parse, "DockerfileParser", CountingParser)
    content = write_froms(10)
    result = extract_files(tmp_path, {"Dockerfile": content})
    for each in result.references:
        tracked_image = TrackedImage(each, each.image.to_tag_ref(None), Policy())
        assert edit.edit_files(result, [ImageUpdate(tracked_image, (UpdateCandidate(OLD, ()),))]).changes
    assert len(parsed_contents) == 11
    assert parsed_contents.count(content.encode()) == 1


def test_unparsable_files_too_large_to_search_are_assumed_to_use_every_image(tmp_path, monkeypatch):
    content = "apiVersion: v1\nkind: Pod\nspec: {containers: [{image: nginx:1}\n"
    result = extract_files(tmp_path, {f"{name}.yaml": content for name in "ab"})
    assert {each.reason for each in result.unsupported} == {Reason.UNPARSABLE}
    assert result.may_hide_image("docker.io/library/nginx")
    assert not result.may_hide_image("docker.io/library/redis")
    monkeypatch.setattr(extract, "MAX_SEARCHED_BYTES", 2 * len(content) - 1)
    assert result.may_hide_image("docker.io/library/redis")
