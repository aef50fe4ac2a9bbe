"""`basebump run`, `close` and `resolve` on the command line, with a local forge and a loopback registry."""

import json
from pathlib import Path

import pytest
from support.git import DiskRepository
from support.values import digest

pytestmark = pytest.mark.real("git")

BRANCH = "basebump/python-3.12-slim-06e5bb43"
DOCKERFILE = "FROM python:3.12-slim@{digest}\n"


@pytest.fixture
def fleet(tmp_path, config):
    """Create a folder with two repositories, one of them without a commit, and return the path of a config."""
    folder = tmp_path / "repositories"
    DiskRepository.create(folder / "web.git", {"Dockerfile": DOCKERFILE.format(digest=digest("old"))})
    DiskRepository.create(folder / "empty.git")
    return config(f"forges: [{{kind: local, url: {folder}}}]\n")


def open_web_repository(tmp_path) -> DiskRepository:
    return DiskRepository(tmp_path / "repositories" / "web.git")


def append_to_config(config_file: str, text: str) -> None:
    path = Path(config_file)
    path.write_text(path.read_text() + text)


def test_run_without_level_reports_updates_and_writes_no_branches(tmp_path, basebump, fleet, loopback):
    now = loopback.move("python", "3.12-slim", "now")
    code, out, _ = basebump("run", "--config", fleet, "--format", "json")
    document = json.loads(out)
    assert code == 0
    assert list(document) == ["schema", "level", "started", "ended", "repositories", "failed"]
    assert (document["schema"], document["level"], document["failed"]) == (1, "report", [])
    empty, web = document["repositories"]
    assert (empty["forge"], empty["name"], empty["base_branch"], empty["proposals"]) == ("local", "empty", None, [])
    assert (web["name"], web["base_branch"]) == ("web", "main")
    known = web["proposals"][0]["images"][0].pop("evidence")
    assert (known["new"], known["fixed"]) == ({"state": "no-scanner", "counts": None, "created": None}, None)
    assert web["proposals"] == [
        {
            "branch": BRANCH,
            "outcome": "would-open",
            "url": None,
            "title": f"Update python:3.12-slim to {now[7:19]} (old digest is gone, not scanned)",
            "note": None,
            "images": [
                {
                    "reference": "python:3.12-slim",
                    "canonical": "docker.io/library/python",
                    "tag": "3.12-slim",
                    "old": digest("old"),
                    "new": now,
                }
            ],
            "files": ["Dockerfile"],
            "due_at": None,
            "due_for": None,
            "due_until": None,
            "due_unknown": False,
            "overdue": False,
            "accepted_risk": None,
        }
    ]
    assert list(open_web_repository(tmp_path).branches()) == ["main"]


def test_run_at_level_propose_opens_one_proposal_that_changes_only_the_digest(tmp_path, basebump, fleet, loopback):
    now = loopback.move("python", "3.12-slim", "now")
    code, out, _ = basebump("run", "--config", fleet, "--level", "propose")
    assert code == 0
    assert "1 proposal: 1 opened." in out
    git = open_web_repository(tmp_path)
    assert git.files(f"refs/heads/{BRANCH}")["Dockerfile"].content == DOCKERFILE.format(digest=now).encode()
    refs = git.refs()
    code, out, _ = basebump("run", "--config", fleet, "--level", "propose")
    assert (code, git.refs()) == (0, refs)
    assert "1 proposal: 1 unchanged." in out


def test_proposal_has_the_documented_mark_and_commit_trailer(tmp_path, basebump, fleet, loopback):
    now = loopback.move("python", "3.12-slim", "now")
    basebump("run", "--config", fleet, "--level", "propose")
    git = open_web_repository(tmp_path)
    blob = json.loads(git.run("cat-file", "blob", f"refs/basebump/proposals/{BRANCH}"))
    assert set(blob) == {"title", "body", "state", "number"}
    assert blob["state"] == "open"
    mark = json.loads(blob["body"].rpartition("<!-- basebump:1 ")[2].partition(" -->")[0])
    assert mark["targets"] == [f"docker.io/library/python:3.12-slim@{now}"]
    assert mark["withdrawn"] is False
    message = git.run("log", "-1", "--format=%B", f"refs/heads/{BRANCH}").decode()
    assert message.splitlines()[0] == f"Update python:3.12-slim to {now[7:19]}"
    assert message.strip().splitlines()[-1].startswith("Basebump-Intent: 1 ")


def test_closing_a_proposal_declines_the_digest_but_not_the_next_digest(tmp_path, basebump, fleet, loopback):
    loopback.move("python", "3.12-slim", "now")
    basebump("run", "--config", fleet, "--level", "propose")
    code, out, _ = basebump("close", "web", BRANCH, "--config", fleet)
    assert code == 0
    assert "Declined" in out
    _, out, _ = basebump("run", "--config", fleet, "--level", "propose", "--format", "json")
    assert [each["outcome"] for each in json.loads(out)["repositories"][1]["proposals"]] == ["declined"]
    loopback.move("python", "3.12-slim", "next")
    _, out, _ = basebump("run", "--config", fleet, "--level", "propose", "--format", "json")
    assert [each["outcome"] for each in json.loads(out)["repositories"][1]["proposals"]] == ["opened"]


def test_closing_a_missing_proposal_is_wrong_usage(basebump, fleet):
    code, _, err = basebump("close", "web", "basebump/nothing", "--config", fleet)
    assert code == 2
    assert "basebump/nothing" in err
    code, _, err = basebump("close", "nowhere", BRANCH, "--config", fleet)
    assert code == 2
    assert "nowhere" in err


def test_repo_option_limits_the_run_to_the_named_repository(basebump, fleet, loopback):
    loopback.move("python", "3.12-slim", "now")
    _, out, _ = basebump("run", "--config", fleet, "--repo", "empty", "--format", "json")
    assert [each["name"] for each in json.loads(out)["repositories"]] == ["empty"]


def test_repo_option_with_a_repository_outside_the_config_is_a_failure(basebump, fleet):
    code, out, _ = basebump("run", "--config", fleet, "--repo", "typo", "--format", "json")
    (failed,) = json.loads(out)["failed"]
    assert code == 1
    assert (failed["subject"], failed["stage"]) == ("typo", "survey")


def test_unreachable_registry_leaves_open_proposals_unchanged(tmp_path, basebump, fleet, loopback, config, no_pauses):
    loopback.move("python", "3.12-slim", "now")
    basebump("run", "--config", fleet, "--level", "propose")
    refs = open_web_repository(tmp_path).refs()
    config_file = Path(fleet)
    config_file.write_text(config_file.read_text().replace(loopback.registry.host, "127.0.0.1:9"))
    code, out, _ = basebump("run", "--config", fleet, "--level", "propose", "--format", "json")
    document = json.loads(out)
    assert code == 1
    assert [each["outcome"] for each in document["repositories"][1]["proposals"]] == ["left-alone"]
    assert [failed["subject"] for failed in document["failed"]] == ["docker.io"]
    assert open_web_repository(tmp_path).refs() == refs


def test_proposal_is_kept_while_the_file_with_the_image_is_unparsable(tmp_path, basebump, fleet, loopback):
    loopback.move("python", "3.12-slim", "now")
    git = open_web_repository(tmp_path)
    pod = "apiVersion: v1\nkind: Pod\nspec:\n  containers:\n  - image: python:3.12-slim\n"
    git.commit("main", {"Dockerfile": "FROM scratch\n", "pod.yaml": pod})
    basebump("run", "--config", fleet, "--level", "propose")
    refs = git.refs()
    git.commit("main", {"pod.yaml": pod + "  - image: [broken\n"})
    _, out, _ = basebump("run", "--config", fleet, "--level", "propose", "--format", "json")
    assert [each["outcome"] for each in json.loads(out)["repositories"][1]["proposals"]] == ["left-alone"]
    assert {ref: oid for ref, oid in git.refs().items() if "basebump" in ref} == {
        ref: oid for ref, oid in refs.items() if "basebump" in ref
    }
    git.commit("main", {"pod.yaml": "# gone\n"})
    _, out, _ = basebump("run", "--config", fleet, "--level", "propose", "--format", "json")
    assert [each["outcome"] for each in json.loads(out)["repositories"][1]["proposals"]] == ["closed"]


def test_missing_scanner_is_a_failure_and_proposal_states_that_effects_are_unknown(tmp_path, basebump, fleet, loopback):
    loopback.move("python", "3.12-slim", "now")
    append_to_config(fleet, "scanners: [{kind: trivy, binary: no-such-scanner}]\n")
    code, out, _ = basebump("run", "--config", fleet, "--level", "propose", "--format", "json")
    document = json.loads(out)
    assert code == 1
    (failed,) = document["failed"]
    assert failed["stage"] == "assess"
    assert "no-such-scanner " in failed["error"]
    blob = json.loads(open_web_repository(tmp_path).run("cat-file", "blob", f"refs/basebump/proposals/{BRANCH}"))
    assert "What that changes is not known: " in blob["body"]


def test_rule_that_requires_scans_refuses_unscanned_updates_but_keeps_proposals(tmp_path, basebump, fleet, loopback):
    loopback.move("python", "3.12-slim", "now")
    basebump("run", "--config", fleet, "--level", "propose")
    append_to_config(fleet, "policy: [{require: {scan: true}}]\n")
    _, out, _ = basebump("run", "--config", fleet, "--level", "propose", "--format", "json")
    web = json.loads(out)["repositories"][1]
    assert [(each["status"], each["reason"]) for each in web["references"]] == [("refused", "not-scanned")]
    assert [each["outcome"] for each in web["proposals"]] == ["left-alone"]
    assert BRANCH in open_web_repository(tmp_path).branches()


def test_resolve_command_shows_digest_platforms_and_metadata_of_the_image(basebump, config, loopback):
    now = loopback.move("python", "3.12-slim", "now")
    code, out, _ = basebump("resolve", "python:3.12-slim", "--config", config(), "--format", "json")
    document = json.loads(out)
    assert code == 0
    assert list(document) == [
        "schema",
        "reference",
        "canonical",
        "tag",
        "digest",
        "kind",
        "platforms",
        "created",
        "source",
        "version",
        "revision",
        "base",
    ]
    assert (document["digest"], document["kind"]) == (now, "index")
    assert document["platforms"] == ["linux/amd64", "linux/arm64"]
    code, out, _ = basebump("resolve", "python:3.12-slim", "--config", config())
    assert now in out


@pytest.mark.parametrize(
    ("image", "code", "words"),
    [
        ("Not A Reference", 2, "Not A Reference"),
        ("registry.unlisted.example/x:1", 2, "`registries:`"),
        ("missing:1", 1, "missing"),
    ],
)
def test_resolve_command_reports_invalid_unlisted_and_missing_images(basebump, config, image, code, words):
    ended, out, err = basebump("resolve", image, "--config", config())
    assert (ended, out) == (code, "")
    assert words in err


def test_run_with_invalid_config_exits_with_2_and_lists_all_problems(tmp_path, basebump):
    path = tmp_path / "basebump.yaml"
    path.write_text("schema: 1\nforges: [{kind: local, url: x}]\npolicies: []\nown: docker\n")
    code, out, err = basebump("run", "--config", path)
    assert (code, out) == (2, "")
    assert "policies" in err
    assert "own" in err


def test_run_with_level_push_reports_pushed_and_existing_branches(tmp_path, basebump, fleet, loopback):
    loopback.move("python", "3.12-slim", "now")
    _, out, _ = basebump("run", "--config", fleet, "--level", "push")
    assert "branch was pushed" in out
    _, out, _ = basebump("run", "--config", fleet, "--level", "push")
    assert "branch already exists" in out


def test_scanner_setting_auto_reports_that_no_scanner_is_installed(basebump, fleet, loopback, monkeypatch):
    monkeypatch.setattr("bot.scanners.trivy.find_trivy", lambda *_: None)
    monkeypatch.setattr("bot.scanners.grype.find_grype", lambda *_: None)
    loopback.move("python", "3.12-slim", "now")
    append_to_config(fleet, "scanners: [{kind: auto, osv: none}]\n")
    code, out, _ = basebump("run", "--config", fleet)
    assert code == 0
    assert "Nothing was scanned: " in out


def test_resolve_command_shows_if_the_pinned_digest_differs_from_the_tag(basebump, config, loopback):
    now = loopback.move("python", "3.12-slim", "now")
    _, out, _ = basebump("resolve", f"python:3.12-slim@{digest('old')}", "--config", config())
    assert now in out
    assert f"{digest('old')}, " in out


def test_demo_refuses_path_that_is_not_an_empty_folder(tmp_path, basebump):
    place = tmp_path / "file"
    place.write_text("mine")
    code, _, err = basebump("demo", "--keep", place)
    assert code == 2
    assert "empty folder" in err
