"""`state` in a config: the creation of the database, errors if it cannot be used, and the requests that it saves."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from support.git import DiskRepository
from support.parts import ROOT
from support.runs.worlds import write_tree
from support.values import digest

from bot.model.history import SupersededTag
from bot.model.image_name import TagRef
from bot.model.vocabulary import Reason
from bot.state.database import Database
from bot.state.lookups.lookup_store import DatabaseLookupStore
from bot.state.lookups.superseded_tags import DatabaseSupersededStore

DOCKERFILE = {"Dockerfile": f"FROM python:3.12@{digest('old')}\n"}
PYTHON = TagRef("docker.io/library/python", "3.12")


def list_observations(path) -> list[str]:
    memory = DatabaseLookupStore(Database.sqlite(path), lambda: None)
    return [sighting.digest for sighting in memory.load_observations([PYTHON]).get(PYTHON, ())]


@pytest.mark.real("git")
def test_scan_and_run_use_the_same_state_file_relative_to_the_config(tmp_path, basebump, loopback, config):
    DiskRepository.create(tmp_path / "repositories" / "web.git", DOCKERFILE)
    file = config(f"forges: [{{kind: local, url: {tmp_path / 'repositories'}}}]\nstate: sqlite:///state.db\n")
    first = loopback.move("python", "3.12", "first")
    code, _, _ = basebump("run", "--config", file)
    assert (code, list_observations(tmp_path / "state.db")) == (0, [first])
    second = loopback.move("python", "3.12", "second")
    code, _, _ = basebump("scan", write_tree(tmp_path / "tree", DOCKERFILE), "--config", file)
    assert (code, list_observations(tmp_path / "state.db")) == (0, [first, second])
    assert sorted(path.name for path in tmp_path.glob("state*")) == ["state.db"], "nothing is left open beside it"


def test_scan_stores_superseded_tags_in_the_state(tmp_path, basebump, loopback, config):
    line, pinned = TagRef("docker.io/library/nginx", "1.27.1"), loopback.move("nginx", "1.27.1", "old")
    loopback.move("nginx", "1.27.3", "new")
    tree = write_tree(tmp_path / "tree", {"Dockerfile": f"FROM nginx:1.27.1@{pinned}\n"})
    code, _, _ = basebump("scan", tree, "--config", config("state: sqlite:///state.db\n"))
    assert code == 0
    known = DatabaseSupersededStore(Database.sqlite(tmp_path / "state.db")).load([line])
    assert known == {line: SupersededTag(pinned, Reason.TAG_STOPPED, "`1.27.3` comes after it", "1.27.3")}


def test_offline_scan_creates_no_state(tmp_path, basebump, config):
    file = config("state: sqlite:///state.db\n")
    code, _, _ = basebump("scan", write_tree(tmp_path / "tree", DOCKERFILE), "--config", file, "--offline")
    assert code == 0
    assert not (tmp_path / "state.db").exists()


def test_scan_with_unusable_state_exits_with_1_before_any_request(tmp_path, basebump, loopback, config):
    file = config("state: sqlite:///nowhere/state.db\n")
    code, out, err = basebump("scan", write_tree(tmp_path / "tree", DOCKERFILE), "--config", file)
    assert (code, out) == (1, "")
    assert err.startswith(
        f"error: cannot use the state in {tmp_path}/nowhere/state.db: unable to open database file\nhint: "
    )
    assert loopback.registry.served_requests == ()


@pytest.mark.parametrize(("state", "imported"), [("", set()), ("state: sqlite:///state.db\n", {"sqlalchemy"})])
def test_database_library_is_imported_only_if_the_config_sets_a_state(tmp_path, loopback, config, state, imported):
    write_tree(tmp_path / "tree", DOCKERFILE)
    arguments = [
        "scan",
        str(tmp_path / "tree"),
        "--config",
        config(f"scanners: [{{kind: none}}]\n{state}"),
        "--format",
        "json",
    ]
    program = (
        "import json, sys\nfrom bot.cli.app import main\n"
        f"code = main({arguments!r})\n"
        "print(json.dumps(sorted({'sqlalchemy', 'psycopg', 'sqlite3'} & set(sys.modules))), file=sys.stderr)\n"
        "sys.exit(code)"
    )
    loopback.move("python", "3.12", "now")
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)["references"][0]["status"] == "gone"
    assert set(json.loads(done.stderr.splitlines()[-1])) - {"sqlite3"} == imported
    assert ("sqlite3" in done.stderr) == bool(imported)
