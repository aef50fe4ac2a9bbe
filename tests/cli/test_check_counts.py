"""`basebump check` counts what it cannot evaluate in every output, and a strict check finds it."""

from __future__ import annotations

import json
from xml.etree import ElementTree as ET

import pytest
from support.runs.checks import PINNED, list_findings
from support.runs.worlds import write_tree
from support.values import digest
from support.witnesses.sarif import read_sarif

from bot.cli.check import CHECK_FORMATS

POD = "apiVersion: v1\nkind: Pod\nspec:\n  containers:\n  - image: myregistry.azurecr.io/team/api:latest\n"
FILES = {"Dockerfile": "ARG V\nFROM python:${V}\nFROM registry.acme.dev/base:1\n", "pod.yaml": POD}
"""A text without a readable reference, a reference on a registry that is not listed, and one that may be an own
build."""
TEN = {"Dockerfile": "".join(f"FROM node:{number}\n" for number in range(10))}
DEAD = '{host: docker.io, mirror: "127.0.0.1:9", insecure: true}'
"""A registry at a port on which nothing listens."""
OFFLINE = pytest.mark.parametrize("offline", [("--offline",), ()], ids=["offline", "online"])


@pytest.fixture
def configure_check(tmp_path):
    """Write a config with these lines, and return its path."""

    def write(*lines: str) -> str:
        path = tmp_path / "basebump.yaml"
        path.write_text("\n".join(["schema: 1", *lines]))
        return str(path)

    return write


def build_counts(*, pinned=0, unpinned=0, not_evaluated=None, unresolved=0, unreadable=0) -> dict:
    unevaluated = not_evaluated or {}
    return {
        "found": pinned + unpinned + sum(unevaluated.values()),
        "pinned": pinned,
        "unpinned": unpinned,
        "not_evaluated": unevaluated,
        "unresolved": unresolved,
        "unreadable": unreadable,
        "unread_texts": 0,
    }


@OFFLINE
def test_check_counts_unevaluated_unpinned_and_unreadable_references_separately(check, offline):
    code, document = check(FILES, *offline)
    assert (code, list_findings(document)) == (4, [("Dockerfile", 3, "unpinned")])
    assert "list registry.acme.dev under `registries:`" in document["findings"][0]["message"]
    assert document["counts"] == build_counts(unpinned=1, not_evaluated={"maybe-own": 1}, unreadable=1)


@OFFLINE
@pytest.mark.parametrize(
    ("own", "expected"),
    [
        ("[]", build_counts(unpinned=2, unreadable=1)),
        ('["myregistry.azurecr.io/**"]', build_counts(unpinned=1, not_evaluated={"own": 1}, unreadable=1)),
    ],
    ids=["no-own-images", "own-images"],
)
def test_check_evaluates_image_of_unlisted_registry_unless_configured_as_own(
    check, configure_check, own, expected, offline
):
    code, document = check(FILES, "--config", configure_check(f"own: {own}"), *offline)
    assert (code, document["counts"]) == (4, expected)


@pytest.mark.parametrize("files", [{"Dockerfile": "FROM python:${V}\n"}, {"pod.yaml": POD}], ids=["text", "maybe-own"])
@OFFLINE
def test_check_reports_unevaluated_references_only_if_strict(check, files, offline):
    code, document = check(files, *offline)
    assert (code, document["findings"], document["strict"]) == (0, [], False)
    code, strict = check(files, "--strict", *offline)
    (finding,) = strict["findings"]
    assert (code, finding["finding"], strict["strict"]) == (4, "not-evaluated", True)
    assert finding["reason"] in {"unresolved-argument", "maybe-own"}
    assert "; hint: " in finding["message"]
    assert strict["counts"] == document["counts"]


def test_online_check_does_not_evaluate_pinned_image_of_unlisted_registry(check):
    files = {"Dockerfile": f"FROM registry.acme.dev/base:1@{digest('some')}\n"}
    assert check(files, "--offline", "--strict")[1]["counts"] == build_counts(pinned=1)
    code, document = check(files)
    assert (code, document["counts"]) == (0, build_counts(not_evaluated={"unknown-registry": 1}))
    assert check(files, "--strict")[0] == 4


def test_check_reports_unpinned_references_while_the_registry_is_down(check, configure_check, no_pauses):
    offline = check(TEN, "--offline")[1]
    code, online = check(TEN, "--config", configure_check(f"registries: [{DEAD}]", "own: []"))
    assert code == 1
    assert list_findings(online) == list_findings(offline) != []
    assert online["counts"] == offline["counts"] | {"unresolved": 10} == build_counts(unpinned=10, unresolved=10)


def test_code_quality_report_contains_only_findings_and_failures_go_to_stderr(
    tmp_path, basebump, configure_check, no_pauses
):
    folder = write_tree(tmp_path / "tree", TEN)
    path = configure_check(f"registries: [{DEAD}]", "own: []")
    code, out, err = basebump("check", folder, "--config", path, "--format", "codequality")
    assert (code, len(json.loads(out))) == (1, 10)
    assert err.startswith("error: docker.io: http://127.0.0.1:9/v2/library/node/manifests/")
    assert "\nhint: make sure that 127.0.0.1:9 is running; with --offline, `scan` and `check` need no network" in err


def test_check_reports_unpinned_reference_if_the_registry_answers_404(check, config):
    code, document = check({"Dockerfile": f"FROM nowhere:1\n{PINNED}"}, "--config", config())
    assert (code, list_findings(document)) == (4, [("Dockerfile", 1, "unpinned")])
    assert document["counts"] == build_counts(pinned=1, unpinned=1, unresolved=2)
    assert [each["line"] for each in document["notes"]] == [2]
    code, document = check({"Dockerfile": PINNED}, "--config", config(), "--strict")
    assert (code, list_findings(document)) == (4, [("Dockerfile", 1, "not-evaluated")])
    assert (document["findings"][0]["reason"], document["notes"]) == ("not-found-or-denied", [])


def test_every_format_of_check_has_the_same_counts(tmp_path, basebump):
    folder = write_tree(tmp_path / "tree", FILES | {"x/Dockerfile": PINNED})
    exports = [word for each in CHECK_FORMATS for word in ("--export", f"{each}={tmp_path / each}")]
    basebump("check", folder, "--offline", *exports)
    texts = {each: (tmp_path / each).read_text() for each in CHECK_FORMATS}
    expected = build_counts(pinned=1, unpinned=1, not_evaluated={"maybe-own": 1}, unreadable=1)
    assert json.loads(texts["json"])["counts"] == expected
    (run,) = read_sarif(texts["sarif"])
    assert run["properties"]["counts"] == expected
    notes = [each["message"]["text"] for each in run["invocations"][0]["toolExecutionNotifications"]]
    assert [each.partition(":")[0] for each in notes] == [
        "1 not evaluated (maybe-own)",
        "1 not evaluated (unresolved-argument)",
    ]
    (suite,) = ET.fromstring(texts["junit"])
    properties = {each.get("name"): each.get("value") for each in suite.iter("property")}
    assert properties == {
        **{key: str(value) for key, value in expected.items() if key != "not_evaluated"},
        "not_evaluated.maybe-own": "1",
    }
    assert (suite.get("tests"), suite.get("failures"), suite.get("skipped")) == ("4", "1", "2")
    assert all(" hint: " in each.get("message") for each in suite.iter("skipped"))
    sentence = (
        "3 image references: 1 pinned, 1 unpinned, 1 not evaluated (1 maybe-own). "
        "1 text contains no readable reference."
    )
    result = (
        "1 finding: 1 unpinned. Not everything was evaluated: 1 image reference, 1 text without a readable reference."
    )
    assert texts["text"].splitlines()[-2:] == texts["github"].splitlines()[-2:] == [sentence, result]
    last_issue = json.loads(texts["codequality"])[-1]
    assert (last_issue["check_name"], last_issue["severity"]) == ("basebump/counts", "info")
    assert last_issue["description"] == f"Not everything was evaluated. {sentence}"


def test_last_line_of_check_mentions_unevaluated_references(tmp_path, basebump):
    folder = write_tree(tmp_path / "tree", {"Dockerfile": "FROM python:${V}\n", "pod.yaml": POD})
    for output_format in ("text", "github"):
        last = basebump("check", folder, "--offline", "--format", output_format)[1].splitlines()[-1]
        assert last == (
            "No findings, but not everything was evaluated: 1 image reference, 1 text without a readable reference."
        )
    write_tree(tmp_path / "clean", {"Dockerfile": PINNED})
    assert basebump("check", tmp_path / "clean", "--offline")[1].splitlines()[-1] == "No findings."


def test_text_of_check_lists_at_most_five_unevaluated_references_for_each_reason(tmp_path, basebump):
    folder = write_tree(tmp_path / "tree", {"Dockerfile": "FROM python:${V}\n" * 7})
    out = basebump("check", folder, "--offline")[1]
    assert out.count("python:${V}") == 5
    assert "    and 2 more; --format json lists all of them\n" in out
    assert "    hint: give the argument a default value" in out


def test_quiet_check_prints_only_findings(basebump, tmp_path):
    folder = write_tree(tmp_path, FILES)
    code, out, _ = basebump("check", folder, "--offline", "-q")
    assert (code, [line.partition(";")[0] for line in out.splitlines()]) == (
        4,
        ["Dockerfile:3: unpinned: registry.acme.dev/base:1 has no digest"],
    )
    pinned = write_tree(tmp_path / "pinned", {"Dockerfile": f"FROM {PINNED}\nFROM $X\n"})
    assert basebump("check", pinned, "--offline", "-q") == (0, "", "")
