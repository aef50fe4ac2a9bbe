"""The options that limit a run: `--shard`, which keeps repositories in their parts, `--repo` and `--image`."""

from __future__ import annotations

import json

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.git import DiskRepository
from support.values import digest

from bot.cli.scope_options import MAX_SHARDS, resolve_shard
from bot.model.run_scope import Shard

NAMES = [f"acme/service-{number}" for number in range(200)]


@given(st.lists(st.text(), unique_by=str.lower), st.integers(1, 20))
def test_each_repository_belongs_to_exactly_one_shard(names, of):
    for name in names:
        assert sum(Shard(number, of).has_repository(name) for number in range(1, of + 1)) == 1


def test_shards_have_similar_sizes_and_new_repository_changes_no_other_assignment():
    parts = [[name for name in NAMES if Shard(number, 4).has_repository(name)] for number in range(1, 5)]
    assert all(25 < len(part) < 75 for part in parts)
    more = [[name for name in [*NAMES, "acme/new"] if Shard(number, 4).has_repository(name)] for number in range(1, 5)]
    assert [[name for name in part if name != "acme/new"] for part in more] == parts


def test_shard_of_a_repository_does_not_depend_on_case_of_the_repository_name():
    assert Shard(1, 2).has_repository("Acme/Web") is Shard(1, 2).has_repository("acme/web")


@pytest.mark.parametrize(
    ("said", "environment", "shard"),
    [
        ("2/4", {}, Shard(2, 4)),
        ("auto/4", {"JOB_COMPLETION_INDEX": "0"}, Shard(1, 4)),
        ("auto/4", {"JOB_COMPLETION_INDEX": "3"}, Shard(4, 4)),
        ("auto", {"CI_NODE_INDEX": "2", "CI_NODE_TOTAL": "3"}, Shard(2, 3)),
        ("auto", {"CIRCLE_NODE_INDEX": "2", "CIRCLE_NODE_TOTAL": "3"}, Shard(3, 3)),
        ("2", {"CI_NODE_TOTAL": "3"}, Shard(2, 3)),
        ("auto", {"CI_NODE_TOTAL": "1"}, Shard(1, 1)),
        ("auto", {"SYSTEM_JOBPOSITIONINPHASE": "4", "SYSTEM_TOTALJOBSINPHASE": "4"}, Shard(4, 4)),
        ("auto", {"BUILDKITE_PARALLEL_JOB": "0", "BUILDKITE_PARALLEL_JOB_COUNT": "2"}, Shard(1, 2)),
        ("auto", {"BITBUCKET_PARALLEL_STEP": "1", "BITBUCKET_PARALLEL_STEP_COUNT": "2"}, Shard(2, 2)),
        ("auto/4", {"CI_NODE_TOTAL": "1", "JOB_COMPLETION_INDEX": "2"}, Shard(3, 4)),
    ],
)
def test_shard_number_and_count_are_read_from_ci_variables_if_option_shard_is_auto(said, environment, shard):
    assert resolve_shard(said, environment) == shard


@pytest.mark.parametrize(
    ("said", "environment"),
    [
        *(("0/4", {}), ("5/4", {}), ("1/0", {}), (f"1/{MAX_SHARDS + 1}", {}), ("a/4", {}), ("1/", {}), ("-1/4", {})),
        *(("auto/4", {}), ("auto", {"CI_NODE_INDEX": "1"}), ("auto/2", {"CI_NODE_INDEX": "x"})),
        *(("1", {}), ("", {}), ("1/2/3", {}), ("٣/4", {})),
        ("auto/2", {"JOB_COMPLETION_INDEX": "2"}),
        ("auto", {"CI_NODE_INDEX": "0", "CI_NODE_TOTAL": "2"}),
        ("auto", {"CIRCLE_NODE_TOTAL": "2"}),
        ("auto", {"CI_NODE_TOTAL": "2", "JOB_COMPLETION_INDEX": "0"}),
    ],
)
def test_invalid_shard_is_wrong_usage(said, environment):
    with pytest.raises(click.BadParameter):
        resolve_shard(said, environment)


@pytest.fixture
def fleet(tmp_path, config, loopback):
    folder = tmp_path / "repositories"
    for tag in ("3.11", "3.12"):
        loopback.move("python", tag, "now")
    loopback.move("redis", "7", "now")
    files = {"one": "FROM python:3.12", "two": "FROM redis:7", "three": "FROM docker.io/library/python:3.11"}
    for name, content in files.items():
        DiskRepository.create(folder / f"{name}.git", {"Dockerfile": f"{content}@{digest('old')}\n"})
    return config(f"forges: [{{kind: local, url: {folder}}}]\n")


def list_names(basebump, *options) -> list[str]:
    code, out, errors = basebump("run", "--format", "json", *options)
    assert code == 0, errors
    return [each["name"] for each in json.loads(out)["repositories"]]


@pytest.mark.real("git")
def test_shards_together_cover_all_repositories(basebump, fleet):
    parts = [list_names(basebump, "--config", fleet, "--shard", f"{number}/3") for number in (1, 2, 3)]
    assert sorted(name for part in parts for name in part) == ["one", "three", "two"]


@pytest.mark.real("git")
def test_image_option_limits_the_run_to_repositories_that_use_the_image(basebump, fleet):
    assert list_names(basebump, "--config", fleet, "--image", "docker.io/library/python") == ["one", "three"]
    assert list_names(basebump, "--config", fleet, "--image", "python:3.12") == ["one"]
    assert list_names(basebump, "--config", fleet, "--image", "nginx") == []
    assert basebump("run", "--config", fleet, "--image", "nginx")[1] == "No repository was selected.\n"


@pytest.mark.real("git")
def test_repo_option_with_repository_of_another_shard_selects_no_repository(basebump, fleet):
    found = [list_names(basebump, "--config", fleet, "--repo", "one", "--shard", f"{number}/3") for number in (1, 2, 3)]
    assert sorted(map(len, found)) == [0, 0, 1]


@pytest.mark.real("git")
def test_run_with_image_option_keeps_proposals_of_other_repositories(tmp_path, basebump, fleet):
    assert list_names(basebump, "--config", fleet, "--level", "propose")
    repository = DiskRepository(tmp_path / "repositories" / "two.git")
    before = repository.refs()
    assert list_names(basebump, "--config", fleet, "--level", "propose", "--image", "python") == ["one", "three"]
    assert repository.refs() == before
    assert any(ref.startswith("refs/basebump/proposals/") for ref in before)


@pytest.mark.parametrize("option", [("--image", "UPPER/case:"), ("--shard", "9/4")])
def test_invalid_image_or_shard_option_is_wrong_usage(basebump, fleet, option):
    code, _, errors = basebump("run", "--config", fleet, *option)
    assert code == 2
    assert option[0] in errors
