"""`basebump check`: what fails a CI, and what does not."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from xml.etree import ElementTree as ET

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from support.attached import BUNDLE, attachment, bundle, dump, referrers_index, trusted
from support.grype import GrypeStand, report
from support.parts import ROOT
from support.sarif import read_sarif
from support.values import digest
from support.worlds import build, write_tree

from bot.cli.check import CHECK_FORMATS
from bot.demo.images import Package, debian_root, image, index, layer

POD = "apiVersion: v1\nkind: Pod\nspec:\n  containers:\n  - image: {image}\n"
PINNED = f"FROM python:3.12@{digest('some')}\n"


@pytest.fixture
def check(tmp_path, basebump):
    """Check a folder with these files; return exit code and the JSON document."""

    def go(files, *arguments: object):
        folder = write_tree(tmp_path / "tree", files)
        code, out, err = basebump("check", folder, *arguments, "--format", "json")
        assert err == ""
        return code, json.loads(out)

    return go


def found(document) -> list[tuple[str, int, str]]:
    return [(each["path"], each["line"], each["finding"]) for each in document["findings"]]


# ---- not pinned --------------------------------------------------------------------------------------------------


def test_offline_a_place_without_a_digest_is_found_and_ends_with_4(check):
    code, document = check({"Dockerfile": f"FROM python:3.12 AS a\n{PINNED}FROM node\n"}, "--offline")
    assert code == 4
    assert found(document) == [("Dockerfile", 1, "unpinned"), ("Dockerfile", 3, "unpinned")]
    assert "has no digest" in document["findings"][0]["message"]
    assert "neither tag nor digest" in document["findings"][1]["message"]
    assert [place["status"] for place in document["occurrences"]] == ["not-checked", "not-checked", "skipped"]


def test_a_folder_in_which_all_is_pinned_passes(check):
    assert check({"Dockerfile": PINNED, "README.md": "FROM python:3.12\n"}, "--offline")[0] == 0


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        ({"Dockerfile": "# basebump: ignore\nFROM python:3.12\n"}, "ignored"),
        ({"pod.yaml": POD.format(image="registry.acme.dev/web:1")}, "maybe-own"),
        ({"Dockerfile": "FROM registry.acme.dev/base:1\n"}, "unknown-registry"),
        (
            {".github/basebump.yaml": "schema: 1\npolicy: [{ignore: true}]\n", "Dockerfile": "FROM python:3.12\n"},
            "ignored",
        ),
    ],
    ids=["comment", "maybe-own", "unknown-registry", "own-file"],
)
@pytest.mark.parametrize("arguments", [("--offline",), ()], ids=["offline", "online"])
def test_what_the_policy_leaves_alone_is_no_finding(check, files, reason, arguments):
    code, document = check(files, *arguments)
    assert [place["reason"] for place in document["occurrences"]] == [reason]
    assert (code, document["findings"]) == (0, [])


@pytest.mark.parametrize("rule", ["{pin: false}", "{update: none}", "{ignore: true}"])
@pytest.mark.parametrize("offline", [("--offline",), ()], ids=["offline", "online"])
def test_what_a_rule_does_not_pin_is_no_finding_whether_it_has_a_tag_or_not(check, config, loopback, rule, offline):
    loopback.move("python", "3.12", "now")
    files = {"Dockerfile": "FROM python:3.12\nFROM python\n"}
    assert check(files, "--config", config(f"policy: [{rule}]\n"), *offline)[0] == 0


@pytest.mark.parametrize("offline", [("--offline",), ()], ids=["offline", "online"])
def test_bytes_that_another_place_keeps_are_not_found(check, config, loopback, offline):
    loopback.move("python", "3.12", "now")
    both = "ARG IMAGE=python:3.12\nFROM ${IMAGE} AS a\n%sFROM ${IMAGE}\n"
    assert check({"Dockerfile": both % ""}, "--config", config(), *offline)[0] == 4
    code, document = check({"Dockerfile": both % "# basebump: ignore\n"}, "--config", config(), *offline)
    assert [place["reason"] for place in document["occurrences"]] == ["conflicting-edits", "ignored"]
    assert code == 0


def test_online_what_would_be_pinned_is_found_and_what_is_held_or_refused_is_not(check, config, loopback):
    loopback.move("python", "3.12", "now")
    files = {"Dockerfile": "FROM python:3.12\n"}
    assert found(check(files, "--config", config())[1]) == [("Dockerfile", 1, "unpinned")]
    required = config("policy: [{require: {scan: true}}]\n")
    code, document = check(files, "--config", required)
    assert (code, document["occurrences"][0]["status"]) == (0, "refused")


def test_what_is_too_young_to_be_pinned_is_no_finding(check, config, loopback, tmp_path):
    loopback.move("python", "3.12", "now")
    path = config(f"state: 'sqlite:///{tmp_path / 'state.db'}'\npolicy: [{{min_age: 7d}}]\n")
    code, document = check({"Dockerfile": "FROM python:3.12\n"}, "--config", path)
    assert (code, document["occurrences"][0]["reason"]) == (0, "too-young")


# ---- gone, and out of policy -------------------------------------------------------------------------------------


def test_an_image_that_is_gone_is_found_with_what_to_do(check, config, loopback):
    now = loopback.move("python", "3.12", "now")
    code, document = check({"Dockerfile": PINNED}, "--config", config())
    (finding,) = document["findings"]
    assert (code, finding["finding"], finding["new_digest"]) == (4, "gone", now)
    assert f"--write moves it to {now[7:19]}" in finding["message"]


def test_what_is_gone_is_found_though_its_replacement_is_refused(check, config, loopback):
    loopback.move("python", "3.12", "now")
    path = config("policy: [{require: {scan: true}}]\n")
    code, document = check({"Dockerfile": PINNED}, "--config", path)
    assert (code, found(document)) == (4, [("Dockerfile", 1, "gone")])
    assert "is refused (not-scanned)" in document["findings"][0]["message"]


def test_what_is_only_out_of_date_is_no_finding(check, config, loopback):
    old, _ = (loopback.move("python", "3.12", content) for content in ("old", "now"))
    code, document = check({"Dockerfile": f"FROM python:3.12@{old}\n"}, "--config", config())
    assert (code, document["occurrences"][0]["status"]) == (0, "update")


@pytest.mark.parametrize("tags", [("now",), ("old", "now")], ids=["up-to-date", "moved"])
def test_a_line_that_is_over_is_found_whether_it_still_moves_or_not(check, config, loopback, tmp_path, tags):
    held, *_ = [loopback.move("python", "3.7", content) for content in tags]
    (tmp_path / "ends.yaml").write_text(
        "schema: 1\nimages: [{image: docker.io/library/python, tag: '3.7', date: 2023-06-27, successor: '3.12'}]\n"
    )
    path = config("end_of_life: ends.yaml\n")
    code, document = check({"Dockerfile": f"FROM python:3.7@{held}\n"}, "--config", path)
    (finding,) = document["findings"]
    assert (code, finding["finding"], finding["reason"]) == (4, "policy", "end-of-life")
    assert "past its end of life: it is over since 2023-06-27; `3.12` comes after it" in finding["message"]


def test_an_image_that_its_publisher_took_back_is_found(check, config, loopback, tmp_path):
    path = config(f"state: 'sqlite:///{tmp_path / 'state.db'}'\n")
    loopback.move("python", "3.12", "good")
    check({"Dockerfile": PINNED}, "--config", path)
    bad = loopback.move("python", "3.12", "bad")
    files = {"Dockerfile": f"FROM python:3.12@{bad}\n"}
    assert check(files, "--config", path)[0] == 0
    loopback.move("python", "3.12", "good")
    code, document = check(files, "--config", path)
    assert (code, found(document)) == (4, [("Dockerfile", 1, "policy")])
    assert document["findings"][0]["reason"] == "taken-back"
    assert "was taken back by its publisher" in document["findings"][0]["message"]


KEY = ec.generate_private_key(ec.SECP256R1())
OLD, NEW = build("old"), build("new")


def sign(loopback, item) -> None:
    made = attachment(item, BUNDLE, dump(bundle(KEY, item.digest)))
    loopback.store.tag("library/python", item.digest.replace(":", "-"), referrers_index([made], kind=None))


@pytest.fixture
def signing(tmp_path, config):
    """Return the config of somebody who requires signatures of an image, and says who makes them."""
    (tmp_path / "team.pub").write_bytes(trusted(KEY).pem)

    def write(trusts: str = "docker.io/library/python") -> str:
        return config(f"trust: [{{image: {trusts}, keys: [team.pub]}}]\npolicy: [{{require: {{signature: true}}}}]\n")

    return write


@pytest.mark.parametrize("tags", [("old",), ("old", "new")], ids=["up-to-date", "moved"])
def test_the_image_in_the_file_must_be_signed_where_a_rule_requires_it(check, loopback, signing, tags):
    for content in tags:
        loopback.move("python", "3.12", content)
    sign(loopback, NEW)
    files = {"Dockerfile": f"FROM python:3.12@{OLD.digest}\n"}
    code, document = check(files, "--config", signing())
    assert (code, found(document)) == (4, [("Dockerfile", 1, "policy")])
    assert "is not verified, as a rule requires: it has no signature" in document["findings"][0]["message"]
    sign(loopback, OLD)
    assert check(files, "--config", signing())[0] == 0


def test_an_image_that_nobody_is_trusted_to_sign_is_found(check, loopback, signing):
    held = loopback.move("python", "3.12", "old")
    code, document = check({"Dockerfile": f"FROM python:3.12@{held}\n"}, "--config", signing("docker.io/library/redis"))
    assert code == 4
    assert document["findings"][0]["reason"] == "signature"
    assert "no entry of `trust` is about this image" in document["findings"][0]["message"]


def test_a_place_without_a_digest_is_held_to_what_its_tag_points_to(check, loopback, signing):
    loopback.move("python", "3.12", "new")
    code, document = check({"Dockerfile": "FROM python:3.12\n"}, "--config", signing())
    assert (code, found(document)) == (4, [("Dockerfile", 1, "policy")])
    assert "what its tag points to is not verified" in document["findings"][0]["message"]
    sign(loopback, NEW)
    assert found(check({"Dockerfile": "FROM python:3.12\n"}, "--config", signing())[1]) == [
        ("Dockerfile", 1, "unpinned")
    ]


def test_of_an_image_that_is_gone_nobody_is_asked_who_signed_it(check, loopback, signing):
    loopback.move("python", "3.12", "new")
    assert found(check({"Dockerfile": PINNED}, "--config", signing())[1]) == [("Dockerfile", 1, "gone")]


def test_no_signature_is_asked_for_twice(check, loopback, signing):
    for content in ("old", "new"):
        loopback.move("python", "3.12", content)
    check({"Dockerfile": f"FROM python:3.12@{OLD.digest}\n"}, "--config", signing())
    about = [each.path for each in loopback.registry.served if OLD.digest.replace(":", "-") in each.path]
    assert about
    assert len(about) == len(set(about))


# ---- out of date -------------------------------------------------------------------------------------------------


def built(content: str, created: datetime | None):
    """Return an image that says when it was built."""
    return index([image([layer(debian_root("12.7", [Package("base-files", content)]))], created=created)])


@pytest.fixture
def aged(loopback):
    """Return a file that holds an image of some age, while its tag points to a newer one."""

    def file(age: timedelta | None) -> dict[str, str]:
        created = datetime.now(UTC) - age if age is not None else None
        old = loopback.store.tag("library/python", "3.12", built("old", created))
        loopback.move("python", "3.12", "now")
        return {"Dockerfile": f"FROM python:3.12@{old}\n"}

    return file


def test_what_is_older_than_it_may_be_is_found_where_there_is_something_newer(check, config, aged):
    files = aged(timedelta(days=40, hours=1))
    code, document = check(files, "--config", config(), "--max-age", "30d")
    (finding,) = document["findings"]
    assert (code, finding["finding"]) == (4, "stale")
    assert "was built 40 days ago" in finding["message"]
    assert check(files, "--config", config(), "--max-age", "60d")[0] == 0


def test_what_is_old_and_the_newest_there_is_passes(check, config, loopback):
    held = loopback.store.tag("library/python", "3.12", built("old", datetime(2020, 1, 1, tzinfo=UTC)))
    assert check({"Dockerfile": f"FROM python:3.12@{held}\n"}, "--config", config(), "--max-age", "30d")[0] == 0


def test_an_age_that_nobody_knows_is_a_note_and_no_finding(check, config, aged):
    code, document = check(aged(None), "--config", config(), "--max-age", "30d")
    assert (code, document["findings"]) == (0, [])
    (note,) = document["notes"]
    assert (note["path"], note["line"]) == ("Dockerfile", 1)
    assert "was built is not known" in note["text"]


@pytest.mark.parametrize("said", ["30", "d", "999d", "1w", "-1d"])
def test_an_age_that_is_none_is_wrong_usage(basebump, tmp_path, said):
    code, _, err = basebump("check", tmp_path, "--max-age", said)
    assert code == 2
    assert "--max-age" in err


# ---- what a scan costs -------------------------------------------------------------------------------------------


@pytest.fixture
def scanned(check, config, tmp_path, monkeypatch):
    """Check a file with a scanner that finds nothing; return the exit code, and whether it was asked."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "programs").mkdir()
    stand = GrypeStand(tmp_path / "programs")
    today = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=3)

    def go(dockerfile: str, *arguments: str) -> tuple[int, bool]:
        digests = [*re.findall(r"sha256:\w+", dockerfile), build("now").digest]
        reports = {each: report(built=today) for each in digests}
        scene = stand.scene | {"built": f"{today:%Y-%m-%dT%H:%M:%SZ}", "reports": reports}
        (stand.folder / "scene.json").write_text(json.dumps(scene))
        path = config(f"scanners: [{{kind: grype, binary: {stand.program}}}]\n")
        code, document = check({"Dockerfile": dockerfile}, "--config", path, *arguments)
        assert document["failed"] == []
        return code, (stand.folder / "log").exists()

    return go


def test_what_is_only_out_of_date_is_not_scanned(aged, scanned):
    outdated = aged(timedelta(days=40))["Dockerfile"]
    assert scanned(outdated) == (0, False)
    assert scanned(outdated, "--max-age", "30d") == (4, True)


def test_what_is_not_pinned_is_scanned_as_a_rule_may_keep_it_from_being_pinned(loopback, scanned):
    loopback.move("python", "3.12", "now")
    assert scanned("FROM python:3.12\n") == (4, True)


def test_what_is_too_old_and_may_not_move_is_no_finding(check, config, aged):
    path = config("policy: [{require: {scan: true}}]\n")
    code, document = check(aged(timedelta(days=40)), "--config", path, "--max-age", "30d")
    assert (code, document["occurrences"][0]["reason"]) == (0, "not-scanned")


# ---- what is said ------------------------------------------------------------------------------------------------


def test_people_read_a_finding_on_each_line_and_a_sentence_that_counts(tmp_path, basebump, config, loopback):
    loopback.move("python", "3.12", "now")
    write_tree(tmp_path / "a b", {"Dockerfile": f"FROM python:3.12\n{PINNED}", "x/Dockerfile": "FROM node:99\n"})
    path = config()
    code, out, err = basebump("check", tmp_path / "a b", "--config", path)
    fix = f"basebump scan '{tmp_path}/a b' --config {path} --write"
    first, second, third, empty, last = out.splitlines()
    assert (code, err, empty) == (4, "", "")
    assert first == f"Dockerfile:1: unpinned: python:3.12 has no digest; {fix} pins it"
    assert second.startswith(f"Dockerfile:2: gone: python:3.12@{digest('some')[7:19]} is gone from its registry; {fix}")
    assert third.startswith("x/Dockerfile:1: note: node:99 was not checked (not-found-or-denied)")
    assert last == "2 findings in 3 image references: 1 unpinned, 1 gone."


def test_a_folder_that_passes_says_so(tmp_path, basebump):
    write_tree(tmp_path, {"Dockerfile": PINNED})
    assert basebump("check", tmp_path, "--offline") == (0, "Nothing was found in 1 image reference.\n", "")


def test_an_anchor_and_its_aliases_are_one_line(tmp_path, basebump):
    write_tree(tmp_path, {"compose.yaml": "services:\n  a:\n    image: &i python:3.12\n  b:\n    image: *i\n"})
    _, out, _ = basebump("check", tmp_path, "--offline")
    assert out.count("\n") == 3
    assert " pins it (2 places)\n" in out


def test_a_file_that_nobody_can_read_is_a_note(tmp_path, basebump):
    write_tree(tmp_path, {"compose.yaml": "services: {a: {image: python:3.12}\n  }}]"})
    code, out, _ = basebump("check", tmp_path, "--offline")
    assert code == 0
    assert out.startswith("compose.yaml:2: note: not checked: The file cannot be parsed")


def test_every_format_is_written_from_one_check(tmp_path, basebump):
    folder = write_tree(
        tmp_path / "tree", {"Dockerfile": f"FROM python:3.12\n{PINNED}# basebump: ignore\nFROM redis:7\n"}
    )
    exports = [word for each in CHECK_FORMATS for word in ("--export", f"{each}={tmp_path / each}")]
    code, out, _ = basebump("check", folder, "--offline", "--format", "json", *exports)
    assert code == 4
    assert found(json.loads(out)) == [("Dockerfile", 1, "unpinned")]
    (result,) = read_sarif((tmp_path / "sarif").read_text())[0]["results"]
    assert (result["ruleId"], result["level"]) == ("unpinned", "warning")
    assert result["locations"][0]["physicalLocation"]["region"] == {"startLine": 1}
    (suite,) = ET.fromstring((tmp_path / "junit").read_text())
    outcomes = [[each.tag for each in case] for case in suite]
    assert outcomes == [["failure"], [], ["skipped"]]
    assert (suite.get("tests"), suite.get("failures"), suite.get("skipped")) == ("3", "1", "1")
    assert (tmp_path / "text").read_text().startswith("Dockerfile:1: unpinned: ")
    assert (tmp_path / "json").read_text() == out
    annotation, counted = (tmp_path / "github").read_text().splitlines()
    assert annotation.startswith("::error file=Dockerfile,line=1,title=basebump%3A unpinned::python:3.12 has no digest")
    assert counted == "1 finding in 3 image references: 1 unpinned."
    (issue,) = json.loads((tmp_path / "codequality").read_text())
    assert (issue["check_name"], issue["severity"]) == ("basebump/unpinned", "major")
    assert issue["location"] == {"path": "Dockerfile", "lines": {"begin": 1}}


def test_a_format_of_another_command_is_wrong_usage(tmp_path, basebump):
    code, _, err = basebump("check", tmp_path, "--offline", "--export", f"markdown={tmp_path / 'x'}")
    assert code == 2
    assert "with one of text, json, sarif, junit, github, codequality" in err


# ---- how it ends -------------------------------------------------------------------------------------------------


def test_a_registry_that_is_down_is_1_which_beats_4(tmp_path, basebump):
    path = tmp_path / "down.yaml"
    path.write_text('schema: 1\nregistries: [{host: docker.io, mirror: "127.0.0.1:9", insecure: true}]\nown: []\n')
    folder = write_tree(tmp_path / "tree", {"Dockerfile": f"FROM node\n{PINNED}"})
    code, out, _ = basebump("check", folder, "--config", path)
    assert code == 1
    assert "Dockerfile:1: unpinned: node has neither tag nor digest" in out
    assert "basebump could not do its work here:\n  docker.io (resolve): " in out
    (case,) = ET.fromstring(basebump("check", folder, "--config", path, "--format", "junit")[1]).iter("error")
    assert case.get("type") == "resolve"


def test_an_export_that_cannot_be_written_is_1(tmp_path, basebump):
    folder = write_tree(tmp_path / "tree", {"Dockerfile": "FROM python:3.12\n"})
    assert basebump("check", folder, "--offline", "--export", "json=/dev/full")[0] == 1


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("nowhere", "--offline"), "is no folder"),
        ((".", "--offline", "--max-age", "30d"), "leave out --offline"),
        ((".", "--config", "nowhere.yaml"), "nowhere.yaml"),
    ],
)
def test_wrong_words_are_2(basebump, arguments, why):
    code, out, err = basebump("check", *arguments)
    assert (code, out) == (2, "")
    assert why in err


HEAVY = {
    *("bot.core.tags", "bot.core.trust", "bot.model.rules"),
    *("bot.pipeline.judge", "bot.pipeline.check_asked", "bot.pipeline.edit", "bot.settings", "bot.registries"),
    *("requests", "urllib3", "pydantic", "github", "jinja2", "ssl", "http.client", "sqlalchemy", "sqlite3", "yaml"),
    *("xml.etree", "bot.reports.check_document", "bot.reports.check_sarif", "bot.reports.check_junit"),
    *("bot.reports.check_annotations", "bot.reports.check_quality"),
}


def test_offline_without_a_config_nothing_is_imported_that_asks(tmp_path):
    write_tree(tmp_path, {"Dockerfile": "FROM python:3.12\n"})
    program = (
        "import sys\nfrom bot.cli.app import main\n"
        f"code = main(['check', {str(tmp_path)!r}, '--offline'])\n"
        f"print(*({HEAVY!r} & set(sys.modules)), file=sys.stderr)\n"
        "sys.exit(code)"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr.split()) == (4, []), done.stderr
