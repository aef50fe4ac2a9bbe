"""`basebump block`: one more blocked digest in the config, and who uses it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from support.values import digest
from support.visits import API, NEW, OLD, PYTHON, build_verdict, build_visit

from bot.model.image import TagDescriptor
from bot.model.image_name import TagRef
from bot.settings import load
from bot.state.database import Database
from bot.state.inventory.store import DatabaseInventoryStore
from bot.state.lookups.lookup_store import DatabaseLookupStore

READ_AT = datetime.now(UTC) - timedelta(days=3)


@pytest.fixture
def fleet(tmp_path, config):
    """Write a state with two base branches, and return the path of the config."""
    inventory = DatabaseInventoryStore(Database.sqlite(tmp_path / "state.db"))
    inventory.record_visits([build_visit(build_verdict(f"python:3.12@{OLD}"))], {}, READ_AT)
    inventory.record_visits([build_visit(build_verdict(f"ghcr.io/acme/python:1@{OLD}"), key=API)], {}, READ_AT)
    return config("state: sqlite:///state.db\n# the end\n")


def test_block_command_adds_entry_to_config_and_lists_files_that_use_the_digest(basebump, fleet):
    before = Path(fleet).read_text(encoding="utf-8")
    link = "https://sec.example.com/42"
    code, out, err = basebump("block", f"python@{OLD}", "--reason", "malware", "--link", link, "-c", fleet)
    assert (code, err) == (0, "")
    assert out.splitlines()[:4] == [
        f"{fleet} has a new entry for {OLD[7:19]}.",
        "",
        "Pinned to the digest:",
        f"1 base branch uses docker.io/library/python@{OLD}, in 1 file.",
    ]
    assert out.splitlines()[-1].startswith("The state covers 2 base branches.")
    assert out.count("The state covers") == 1
    assert "acme/web (main)" in out
    assert f"1 base branch uses ghcr.io/acme/python@{OLD}, in 1 file." in out
    assert Path(fleet).read_text(encoding="utf-8").startswith(before)
    (entry,) = load(Path(fleet), requires_forges=False).policy_config.blocklist.by_digest[OLD]
    assert (entry.block.reason, entry.block.link, entry.image) == ("malware", link, None)


def test_block_command_lists_unpinned_references_to_tags_that_had_the_digest(basebump, fleet, tmp_path):
    database = Database.sqlite(tmp_path / "state.db")
    visits = [build_visit("python:3.12", "python:3.13", f"python:3.12@{NEW}", key=API)]
    DatabaseInventoryStore(database).record_visits(visits, {}, READ_AT)
    descriptors = {PYTHON: TagDescriptor(OLD, ""), TagRef(PYTHON.repository, "3.13"): TagDescriptor(NEW, "")}
    DatabaseLookupStore(database, lambda: READ_AT).record_tags(descriptors, READ_AT)
    _, out, _ = basebump("block", OLD, "--reason", "malware", "-c", fleet)
    followers = out.partition("With a tag only, ")[2]
    assert followers.startswith(f"which pointed to the digest at its last lookup ({READ_AT:%Y-%m-%d}):\n")
    assert "1 base branch uses docker.io/library/python:3.12, in 1 file." in followers
    assert followers.count("acme/api (main)") == 1
    assert NEW[7:19] not in followers
    DatabaseLookupStore(database, lambda: READ_AT).record_tags({PYTHON: TagDescriptor(NEW, "")}, datetime.now(UTC))
    assert "Without a digest" not in basebump("block", OLD, "--reason", "other", "-c", fleet)[1]


def test_block_command_reports_if_no_file_uses_the_digest(basebump, fleet):
    _, out, _ = basebump("block", digest("unused"), "--reason", "malware", "-c", fleet)
    assert out.splitlines()[2] == "No file uses the digest, according to the state."


def test_block_command_does_not_add_the_same_entry_twice(basebump, fleet):
    basebump("block", OLD, "--reason", "malware", "--link", "https://sec.example.com/42", "-c", fleet)
    content = Path(fleet).read_bytes()
    _, out, _ = basebump("block", OLD.upper(), "--reason", "malware", "-c", fleet)
    assert out.splitlines()[:2] == [f"blocked[0] in {fleet} already blocks {OLD[7:19]}: malware", ""]
    assert Path(fleet).read_bytes() == content


def test_blocking_a_digest_again_keeps_the_first_reason(basebump, fleet):
    basebump("block", OLD, "--reason", "malware", "-c", fleet)
    content = Path(fleet).read_bytes()
    code, out, err = basebump("block", OLD, "--reason", "other", "--image", "docker.io/**", "-c", fleet)
    assert (code, err, Path(fleet).read_bytes()) == (0, "", content)
    assert out.splitlines()[:2] == [
        f"blocked[0] in {fleet} already blocks {OLD[7:19]}: malware",
        "Nothing was changed. To change the reason or the link, edit this entry.",
    ]
    assert "acme/web (main)" in out


def test_block_command_finds_existing_entries_in_config_and_every_blocklist_file(basebump, config, tmp_path):
    listed = f"schema: 1\nblocked: [{{digest: {OLD}, reason: malware}}]\n"
    for name, content in {"a.yaml": "schema: 1\nblocked: []\n", "b.yaml": listed}.items():
        (tmp_path / name).write_text(content, encoding="utf-8")
    path = config(f"blocked: [{{path: a.yaml}}, {{path: b.yaml}}, {{digest: {NEW}, reason: worm}}]\n")
    for digest_, where, reason in (
        (OLD, f"blocked[0] in {tmp_path / 'b.yaml'}", "malware"),
        (NEW, f"blocked[2] in {path}", "worm"),
    ):
        code, out, _ = basebump("block", digest_, "--reason", reason, "-c", path)
        assert (code, out.splitlines()[0]) == (0, f"{where} already blocks {digest_[7:19]}: {reason}")


def test_block_command_adds_entry_for_all_images_even_if_some_are_already_blocked(basebump, config):
    path = config(f"blocked: [{{digest: {OLD}, image: ghcr.io/**, reason: malware}}]\n")
    _, out, _ = basebump("block", OLD, "--reason", "malware", "-c", path)
    assert out.splitlines()[0] == f"{path} has a new entry for {OLD[7:19]}."
    assert len(load(Path(path), requires_forges=False).policy_config.blocklist.by_digest[OLD]) == 2


def test_block_command_with_image_option_lists_only_files_that_use_matching_images(basebump, fleet):
    _, out, _ = basebump("block", OLD, "--reason", "malware", "--image", "ghcr.io/**", "-c", fleet)
    assert "acme/api (main)" in out
    assert "acme/web" not in out


def test_block_command_adds_entry_to_the_blocklist_file_that_the_config_names(basebump, config, tmp_path):
    path, listed = config("blocked:\n  - path: blocked.yaml\n"), tmp_path / "blocked.yaml"
    listed.write_text("schema: 1\nblocked: []\n", encoding="utf-8")
    code, out, _ = basebump("block", OLD, "--reason", "malware", "-c", path)
    assert (code, out.splitlines()[0]) == (0, f"{listed} has a new entry for {OLD[7:19]}.")
    assert (
        out.splitlines()[-1]
        == "There is no state of earlier runs, so basebump does not know which files use the digest."
    )
    assert OLD in load(Path(path), requires_forges=False).policy_config.blocklist.by_digest


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("sha256:abc", "--reason", "malware"), "is not a digest"),
        ((OLD, "--reason", ""), "blocked[0].reason: is required"),
        ((OLD, "--reason", "two\nlines"), "must be one line"),
        ((OLD, "--reason", "x", "--link", "http://sec.example.com"), "must begin with https://"),
        ((OLD, "--reason", "x", "--image", "python"), "matches no image"),
    ],
)
def test_block_command_refuses_invalid_entry_and_leaves_config_unchanged(basebump, config, arguments, says):
    path = config()
    before = Path(path).read_bytes()
    code, _, err = basebump("block", *arguments, "-c", path)
    assert code == 2
    assert says in err.replace("\n", " ")
    assert Path(path).read_bytes() == before


def test_block_command_refuses_config_that_names_several_blocklist_files(basebump, config, tmp_path):
    for name in ("a.yaml", "b.yaml"):
        (tmp_path / name).write_text("schema: 1\nblocked: []\n", encoding="utf-8")
    path = config("blocked: [{path: a.yaml}, {path: b.yaml}]\n")
    code, _, err = basebump("block", OLD, "--reason", "malware", "-c", path)
    assert (code, "names 2 files of blocked images" in err) == (2, True)
