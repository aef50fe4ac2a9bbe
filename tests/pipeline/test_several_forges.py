"""Several forges in one run: images that they share are looked up and scanned once."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from types import SimpleNamespace

import pytest
from support.forges.azure.stand import AzureStand
from support.forges.github.stand import GitHubStand
from support.forges.gitlab.stand import GitLabStand
from support.forges.stands import LocalStand
from support.runs.twins import ReadCountingFleet
from support.runs.worlds import PresetScanner, build, list_outcomes
from support.values import finding

from bot.model.image_name import ImageName
from bot.ports import Fleet
from bot.settings import load
from bot.state.database import Database
from bot.state.inventory.reader import DatabaseInventoryReader
from bot.wiring.forges import build_fleets

pytestmark = pytest.mark.real("git")

OLD, NEW = build("old").digest, build("new").digest
FILES = {"Dockerfile": f"FROM python:3.12-slim@{OLD}\n"}


@pytest.fixture
def fleets(tmp_path):
    """Return two fleets, on GitHub and in a folder, whose repositories use the same image."""
    github = GitHubStand(tmp_path / "github", FILES)
    local = LocalStand(tmp_path / "local", FILES)
    yield [github.fleet(), local.fleet()]
    github.end()


def test_tag_used_on_two_forges_is_looked_up_once(fleets, loopback):
    loopback.move("python", "3.12-slim", "old")
    report = loopback.run(fleets)
    assert [each.forge for each in report.repositories] == ["github", "local"]
    assert [each.method for each in loopback.registry.served_requests] == ["HEAD"]


def test_images_of_an_update_proposed_on_two_forges_are_fetched_and_scanned_once(fleets, loopback):
    loopback.move("python", "3.12-slim", "old")
    loopback.move("python", "3.12-slim", "new")
    loopback.scanner = PresetScanner({OLD: (finding("CVE-1900-0001"),), NEW: ()})
    report = loopback.run(fleets)
    assert list_outcomes(report) == ["opened", "opened"]
    asked = [(each.digest, each.platform) for each in loopback.scanner.asked]
    assert len(asked) == len(set(asked))
    assert {digest for digest, _ in asked} == {OLD, NEW}
    fetched = [each.path for each in loopback.registry.served_requests if each.method == "GET"]
    assert len(fetched) == len(set(fetched))


def test_state_distinguishes_repositories_with_equal_names_on_two_servers(tmp_path, loopback):
    loopback.move("python", "3.12-slim", "old")
    stands = [AzureStand(tmp_path / name, FILES) for name in ("one", "other")]
    try:
        assert len({stand.name for stand in stands}) == 1
        stands[1].commit("main", {"README.md": "# Another repository\n"})
        database = Database.sqlite(tmp_path / "state.db")
        loopback.remember(database)
        fleets = [stand.fleet() for stand in stands]
        loopback.run(fleets)
        with stands[0].server.watched() as lines, stands[1].server.watched() as other_lines:
            loopback.run(fleets)
        assert not [line for line in (*lines, *other_lines) if "/trees/" in line]
        usages = DatabaseInventoryReader(database).list_usages(ImageName.parse("python"))
        assert {each.key.host for each in usages} == {f"{stand.server.host}/org" for stand in stands}
    finally:
        for stand in stands:
            stand.end()


def test_run_opens_proposals_on_other_forges_if_one_forge_fails(fleets, loopback, tmp_path):
    loopback.move("python", "3.12-slim", "new")
    broken = GitHubStand(tmp_path / "broken", FILES)
    broken.token.can_write = False
    report = loopback.run([broken.fleet(), *fleets])
    broken.end()
    assert list_outcomes(report) == ["failed", "opened", "opened"]
    assert len(report.failed) == 1


@pytest.mark.parametrize("kind", [GitHubStand, GitLabStand])
def test_repository_that_two_config_entries_select_is_processed_once(kind, tmp_path, loopback):
    loopback.move("python", "3.12-slim", "new")
    stand = kind(tmp_path / "forge", FILES)
    report = loopback.run([stand.fleet(), stand.fleet()])
    stand.end()
    assert (list_outcomes(report), report.failed) == (["opened"], ())


def test_state_distinguishes_repositories_with_equal_names_in_two_folders(tmp_path, loopback):
    loopback.move("python", "3.12-slim", "old")
    folders = [tmp_path / name for name in ("one", "other")]
    stands = [LocalStand(folder, FILES) for folder in folders]
    stands[1].commit("main", {"README.md": "# Another repository\n"})
    database = Database.sqlite(tmp_path / "state.db")
    loopback.remember(database)
    fleets = [ReadCountingFleet(each, SimpleNamespace(read_count=0)) for each in build_local_fleets(tmp_path, folders)]
    for _ in range(2):
        loopback.run(fleets)
    assert [each.counter.read_count for each in fleets] == [1, 1]
    usages = DatabaseInventoryReader(database).list_usages(ImageName.parse("python"))
    assert {(each.key.host, each.key.repository) for each in usages} == {(str(each), "acme") for each in folders}


def test_state_does_not_store_path_of_a_single_local_folder(tmp_path):
    (fleet,) = build_local_fleets(tmp_path, [tmp_path / "one"])
    LocalStand(tmp_path / "one", FILES)
    (repository,) = fleet.list_repositories(frozenset())
    assert repository.server == ""


def build_local_fleets(folder: Path, repositories: Iterable[Path]) -> list[Fleet]:
    config = folder / "basebump.yaml"
    entries = "".join(f"  - {{kind: local, url: {each}}}\n" for each in repositories)
    config.write_text(f"schema: 1\nforges:\n{entries}")
    settings = load(config, requires_forges=True)
    return [fleet for forge in settings.forges for fleet in build_fleets(settings, forge)]
