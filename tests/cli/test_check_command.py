"""`basebump check`: which references fail a CI job, and which do not."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from xml.etree import ElementTree as ET

import pytest
from support.parts import ROOT
from support.runs.checks import PINNED, list_findings
from support.runs.worlds import write_tree
from support.values import digest
from support.witnesses.sarif import read_sarif

from bot.cli.check import CHECK_FORMATS
from bot.pipeline.references import extract

POD = "apiVersion: v1\nkind: Pod\nspec:\n  containers:\n  - image: {image}\n"


# ---- not pinned --------------------------------------------------------------------------------------------------


def test_offline_check_reports_unpinned_references_and_exits_with_4(check):
    code, document = check({"Dockerfile": f"FROM python:3.12 AS a\n{PINNED}FROM node\n"}, "--offline")
    assert code == 4
    assert list_findings(document) == [("Dockerfile", 1, "unpinned"), ("Dockerfile", 3, "unpinned")]
    assert "has no digest" in document["findings"][0]["message"]
    assert "neither tag nor digest" in document["findings"][1]["message"]
    assert [reference["status"] for reference in document["references"]] == ["not-checked", "not-checked", "skipped"]


def test_check_exits_with_0_if_all_references_are_pinned(check):
    assert check({"Dockerfile": PINNED, "README.md": "FROM python:3.12\n"}, "--offline")[0] == 0


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        ({"Dockerfile": "# basebump: ignore\nFROM python:3.12\n"}, "ignored"),
        ({"pod.yaml": POD.format(image="registry.acme.dev/web:1")}, "maybe-own"),
        (
            {".github/basebump.yaml": "schema: 1\npolicy: [{ignore: true}]\n", "Dockerfile": "FROM python:3.12\n"},
            "ignored",
        ),
    ],
    ids=["comment", "maybe-own", "own-file"],
)
@pytest.mark.parametrize("arguments", [("--offline",), ()], ids=["offline", "online"])
def test_check_does_not_report_references_that_the_policy_skips(check, files, reason, arguments):
    code, document = check(files, *arguments)
    assert [reference["reason"] for reference in document["references"]] == [reason]
    assert (code, document["findings"]) == (0, [])


def test_check_reports_blocked_digest_of_image_with_unresolved_argument(check, config):
    path = config(f"blocked: [{{digest: {digest('bad')}, reason: malware}}]\n")
    files = {"Dockerfile": f"ARG X\nFROM ${{X}}@{digest('bad')}\nFROM ${{X}}@{digest('new')}\n"}
    code, document = check(files, "--offline", "--config", path)
    assert (code, list_findings(document)) == (4, [("Dockerfile", 2, "blocked")])


@pytest.mark.parametrize("rule", ["{pin: false}", "{ignore: true}"])
@pytest.mark.parametrize("offline", [("--offline",), ()], ids=["offline", "online"])
def test_check_does_not_report_references_that_a_rule_excludes_from_pinning(check, config, loopback, rule, offline):
    loopback.move("python", "3.12", "now")
    files = {"Dockerfile": "FROM python:3.12\nFROM python\n"}
    assert check(files, "--config", config(f"policy: [{rule}]\n"), *offline)[0] == 0


@pytest.mark.parametrize("offline", [("--offline",), ()], ids=["offline", "online"])
def test_check_ignores_unpinned_argument_that_an_ignored_reference_also_uses(check, config, loopback, offline):
    loopback.move("python", "3.12", "now")
    both = "ARG IMAGE=python:3.12\nFROM ${IMAGE} AS a\n%sFROM ${IMAGE}\n"
    assert check({"Dockerfile": both % ""}, "--config", config(), *offline)[0] == 4
    code, document = check({"Dockerfile": both % "# basebump: ignore\n"}, "--config", config(), *offline)
    assert [reference["reason"] for reference in document["references"]] == ["conflicting-edits", "ignored"]
    assert code == 0


def test_online_check_reports_unpinned_reference_unless_the_update_is_refused(check, config, loopback):
    loopback.move("python", "3.12", "now")
    files = {"Dockerfile": "FROM python:3.12\n"}
    assert list_findings(check(files, "--config", config())[1]) == [("Dockerfile", 1, "unpinned")]
    required = config("policy: [{require: {scan: true}}]\n")
    code, document = check(files, "--config", required)
    assert (code, document["references"][0]["status"]) == (0, "refused")


def test_check_does_not_report_image_younger_than_min_age(check, config, loopback, tmp_path):
    loopback.move("python", "3.12", "now")
    path = config(f"state: 'sqlite:///{tmp_path / 'state.db'}'\npolicy: [{{min_age: 7d}}]\n")
    code, document = check({"Dockerfile": "FROM python:3.12\n"}, "--config", path)
    assert (code, document["references"][0]["reason"]) == (0, "too-young")


# ---- what is said ------------------------------------------------------------------------------------------------


def test_text_of_check_has_a_line_for_each_finding_and_a_summary(tmp_path, basebump, config, loopback):
    loopback.move("python", "3.12", "now")
    write_tree(tmp_path / "a b", {"Dockerfile": f"FROM python:3.12\n{PINNED}", "x/Dockerfile": "FROM node:99\n"})
    path = config()
    code, out, err = basebump("check", tmp_path / "a b", "--config", path)
    fix = f"basebump scan '{tmp_path}/a b' --config {path} --write"
    first, second, third, empty, counted, last = out.splitlines()
    assert (code, err, empty) == (4, "", "")
    assert first == f"Dockerfile:1: unpinned: python:3.12 has no digest; {fix} pins it"
    assert re.match(rf"Dockerfile:2: gone: python:3\.12@{digest('some')[7:19]} .*; {re.escape(fix)}", second)
    assert third == (
        "x/Dockerfile:1: unpinned: node:99 has no digest, and could not be looked up (not-found-or-denied); "
        "correct its name, or configure credentials for docker.io"
    )
    assert counted == "3 image references: 1 pinned, 2 unpinned. 1 could not be looked up."
    assert last == "3 findings: 2 unpinned, 1 gone. Not everything was evaluated: 1 failed lookup."


def test_check_reports_unreachable_registry_once(tmp_path, basebump, no_pauses):
    config = tmp_path / "down.yaml"
    config.write_text('schema: 1\nregistries: [{host: docker.io, mirror: "127.0.0.1:9", insecure: true}]\n')
    folder = write_tree(tmp_path / "tree", {"Dockerfile": f"{PINNED}FROM node:22@{digest('held')}\n"})
    code, out, _ = basebump("check", folder, "--config", config)
    assert code == 1
    assert out.startswith(
        f"Dockerfile:1: note: python:3.12@{digest('some')[7:19]} was not checked (unreachable)\n"
        f"Dockerfile:2: note: node:22@{digest('held')[7:19]} was not checked (unreachable)\n"
    )
    assert out.count("did not answer") == 1
    _, out, _ = basebump("check", folder, "--config", config, "--format", "github")
    assert out.count("did not answer") == 1


def test_text_of_check_without_findings_states_number_of_references(tmp_path, basebump):
    write_tree(tmp_path, {"Dockerfile": PINNED})
    code, out, err = basebump("check", tmp_path, "--offline")
    assert (code, "1 image reference" in out, err) == (0, True, "")


def test_text_of_check_has_one_line_for_yaml_anchor_and_aliases(tmp_path, basebump):
    write_tree(tmp_path, {"compose.yaml": "services:\n  a:\n    image: &i python:3.12\n  b:\n    image: *i\n"})
    _, out, _ = basebump("check", tmp_path, "--offline")
    assert out.count("\n") == 4
    assert " pins it (2 references)\n" in out


def test_check_reports_unreadable_file_as_a_note(tmp_path, basebump):
    write_tree(tmp_path, {"compose.yaml": "services: {a: {image: python:3.12}\n  }}]"})
    code, out, _ = basebump("check", tmp_path, "--offline")
    assert code == 0
    assert out.startswith("compose.yaml:2: note: not checked: ")


def test_check_exports_several_formats_in_one_run(tmp_path, basebump):
    folder = write_tree(
        tmp_path / "tree", {"Dockerfile": f"FROM python:3.12\n{PINNED}# basebump: ignore\nFROM redis:7\n"}
    )
    exports = [word for each in CHECK_FORMATS for word in ("--export", f"{each}={tmp_path / each}")]
    code, out, _ = basebump("check", folder, "--offline", "--format", "json", *exports)
    assert code == 4
    assert list_findings(json.loads(out)) == [("Dockerfile", 1, "unpinned")]
    (result,) = read_sarif((tmp_path / "sarif").read_text())[0]["results"]
    assert (result["ruleId"], result["level"]) == ("unpinned", "warning")
    assert result["locations"][0]["physicalLocation"]["region"] == {"startLine": 1}
    (suite,) = ET.fromstring((tmp_path / "junit").read_text())
    outcomes = [[each.tag for each in case] for case in suite.iter("testcase")]
    assert outcomes == [["failure"], [], ["skipped"]]
    assert (suite.get("tests"), suite.get("failures"), suite.get("skipped")) == ("3", "1", "1")
    assert (tmp_path / "text").read_text().startswith("Dockerfile:1: unpinned: ")
    assert (tmp_path / "json").read_text() == out
    annotation, notice, counted, last = (tmp_path / "github").read_text().splitlines()
    assert annotation.startswith("::error file=Dockerfile,line=1,title=basebump%3A unpinned::python:3.12 has no digest")
    assert notice.startswith(
        "::notice file=Dockerfile,line=4,title=basebump%3A not evaluated::1 not evaluated (ignored)"
    )
    assert counted == "3 image references: 1 pinned, 1 unpinned, 1 not evaluated (1 ignored)."
    assert last == "1 finding: 1 unpinned. Not everything was evaluated: 1 image reference."
    issue, _ = json.loads((tmp_path / "codequality").read_text())
    assert (issue["check_name"], issue["severity"]) == ("basebump/unpinned", "major")
    assert issue["location"] == {"path": "Dockerfile", "lines": {"begin": 1}}


def test_check_refuses_to_export_a_format_that_only_other_commands_support(tmp_path, basebump):
    code, _, err = basebump("check", tmp_path, "--offline", "--export", f"markdown={tmp_path / 'x'}")
    assert code == 2
    assert "use one of the formats text, json, sarif, junit, github, codequality" in err


# ---- how it ends -------------------------------------------------------------------------------------------------


def test_check_with_failure_exits_with_1_even_if_there_are_findings(tmp_path, basebump, no_pauses):
    path = tmp_path / "down.yaml"
    path.write_text('schema: 1\nregistries: [{host: docker.io, mirror: "127.0.0.1:9", insecure: true}]\nown: []\n')
    folder = write_tree(tmp_path / "tree", {"Dockerfile": f"FROM node\n{PINNED}"})
    code, out, _ = basebump("check", folder, "--config", path)
    assert code == 1
    assert "Dockerfile:1: unpinned: node " in out
    assert "\n  docker.io (resolve): " in out
    (case,) = ET.fromstring(basebump("check", folder, "--config", path, "--format", "junit")[1]).iter("error")
    assert case.get("type") == "resolve"


def test_check_exits_with_1_if_export_fails(tmp_path, basebump):
    folder = write_tree(tmp_path / "tree", {"Dockerfile": "FROM python:3.12\n"})
    assert basebump("check", folder, "--offline", "--export", "json=/dev/full")[0] == 1


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("nowhere", "--offline"), "is not a folder"),
        ((".", "--offline", "--max-age", "30d"), "cannot be combined with --offline"),
        ((".", "--config", "nowhere.yaml"), "nowhere.yaml"),
    ],
)
def test_wrong_usage_of_check_exits_with_2(basebump, arguments, why):
    code, out, err = basebump("check", *arguments)
    assert (code, out) == (2, "")
    assert why in err


HEAVY = {
    *("bot.core.choice.tags", "bot.core.evidence.trust", "bot.model.rules"),
    *("bot.pipeline.choice.decide_updates", "bot.pipeline.check_online", "bot.pipeline.references.edit"),
    *("bot.settings", "bot.registries"),
    *("requests", "urllib3", "pydantic", "github", "jinja2", "ssl", "http.client", "sqlalchemy", "sqlite3", "yaml"),
    *("xml.etree", "bot.reports.check.check_document", "bot.reports.check.check_sarif", "bot.reports.check.junit"),
    *("bot.reports.check.annotations", "bot.reports.check.code_quality"),
}


def test_offline_check_without_a_config_imports_no_network_modules(tmp_path):
    write_tree(tmp_path, {"Dockerfile": "FROM python:3.12\n"})
    program = (
        "import sys\nfrom bot.cli.app import main\n"
        f"code = main(['check', {str(tmp_path)!r}, '--offline'])\n"
        f"print(*({HEAVY!r} & set(sys.modules)), file=sys.stderr)\n"
        "sys.exit(code)"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr.split()) == (4, []), done.stderr


def test_check_reads_file_behind_symbolic_link_once_and_counts_other_links_as_unreadable(basebump, tmp_path):
    folder = write_tree(
        tmp_path / "tree", {"docker/base.txt": "FROM python:3.12\n", "web/Dockerfile": "FROM redis:7\n"}
    )
    write_tree(tmp_path / "outside", {"compose.yaml": "services: {a: {image: node:22}}\n"})
    (folder / "Dockerfile").symlink_to("docker/base.txt")
    (folder / "docker" / "Dockerfile").symlink_to("../web/Dockerfile")
    (folder / "site").symlink_to("web")
    (folder / "compose.yaml").symlink_to(tmp_path / "outside" / "compose.yaml")
    (folder / "README").symlink_to("nowhere")
    code, out, _ = basebump("check", folder, "--offline", "--strict", "--format", "json")
    found = [(each["path"], each["finding"], each["reason"]) for each in json.loads(out)["findings"]]
    assert (code, found) == (
        4,
        [
            ("docker/base.txt", "unpinned", None),
            ("web/Dockerfile", "unpinned", None),
            ("compose.yaml", "not-evaluated", "unreadable-link"),
        ],
    )


BUILT = {
    "compose.yaml": """
include: [inc/a.txt, {path: inc/b.txt}, {path: [inc/c.txt]}, https://example.org/x.yaml, "${X}", ../outside.txt]
services:
  web: {build: {context: web, dockerfile: build.txt, args: {BUILDKIT_SYNTAX: evil/frontend:1}}}
  api: {build: {context: web, args: [BUILDKIT_SYNTAX=evil/frontend:2, X=1]}}
  ext: {extends: {file: inc/d.txt, service: x}}
""",
    "docker-bake.hcl": 'target "a" {\n  context = "bake"\n  dockerfile = "made.txt"\n}\n',
    "web/build.txt": "FROM node:22\n",
    "bake/made.txt": "FROM golang:1\n",
    "web/Dockerfile": PINNED,
    "inc/a.txt": "include: [e.txt, a.txt]\nservices: {a: {image: redis:1}}\n",
    **{f"inc/{name}.txt": f"services: {{x: {{image: 'redis:{name}'}}}}\n" for name in "bcdef"},
}


def test_check_finds_files_that_builds_and_compose_files_name(basebump, tmp_path):
    folder = write_tree(tmp_path / "tree", BUILT)
    code, out, err = basebump("check", folder, "--offline", "--gate", "--format", "json")
    found = [(each["path"], each["finding"], each["reference"]) for each in json.loads(out)["findings"]]
    assert (code, err) == (4, "")
    assert found == [
        ("bake/made.txt", "unpinned", "golang:1"),
        ("compose.yaml", "unpinned", "evil/frontend:1"),
        ("compose.yaml", "unpinned", "evil/frontend:2"),
        ("inc/a.txt", "unpinned", "redis:1"),
        *((f"inc/{name}.txt", "unpinned", f"redis:{name}") for name in "bcde"),
        ("web/build.txt", "unpinned", "node:22"),
        ("compose.yaml", "not-evaluated", "${X}"),
    ]


def test_files_that_include_each_other_in_a_row_are_bounded(basebump, tmp_path, monkeypatch):
    monkeypatch.setattr(extract, "MAX_INCLUDE_DEPTH", 3)
    files = {f"{n}.txt": f"include: [{n + 1}.txt]\nservices: {{x: {{image: 'redis:{n}'}}}}\n" for n in range(9)}
    folder = write_tree(tmp_path / "tree", {"compose.yaml": "include: [0.txt]\n", **files})
    _, out, _ = basebump("check", folder, "--offline", "--format", "json")
    assert [each["path"] for each in json.loads(out)["findings"]] == ["0.txt", "1.txt", "2.txt"]
    _, out, _ = basebump("check", folder, "--offline", "--gate", "--format", "json")
    assert [(each["path"], each["reason"]) for each in json.loads(out)["findings"]][3:] == [("3.txt", "too-large")]


SKAFFOLD = """apiVersion: skaffold/v4beta11
kind: Config
build: {artifacts: [{image: app, docker: {buildArgs: {BASE: "debian:bookworm"}}}]}
"""


@pytest.mark.parametrize(
    ("path", "content"),
    [
        ("docker-bake.hcl", 'variable "V" { default = "bookworm" }\ntarget "t" { args = { BASE = "debian:${V}" } }\n'),
        ("docker-bake.json", '{"target": {"t": {"args": {"BASE": "debian:bookworm"}}}}'),
        ("skaffold.yaml", SKAFFOLD),
        (".devcontainer.json", '{"build": {"dockerfile": "Dockerfile", "args": {"BASE": "debian:bookworm"}}}'),
        (
            ".github/workflows/ci.yml",
            "jobs: {a: {steps: [{uses: docker/build-push-action@v6, with: {build-args: BASE=debian:bookworm}}]}}",
        ),
        ("cloudbuild.yaml", "steps: [{args: [build, --build-arg, BASE=debian:bookworm, .]}]"),
        ("ci/cloudbuild.yaml", "steps: [{args: [--build-arg=BASE=debian:bookworm, --context=dir:///workspace]}]"),
        ("cloudbuild.json", '{"steps": [{"dir": "a", "args": ["--build-arg", "BASE=debian:bookworm", ".."]}]}'),
        ("web/acb.yaml", "version: v1.1.0\nsteps: [{build: --build-arg BASE=debian:bookworm .}]"),
        ("app.build", "[Build]\nFile=./Dockerfile\nBuildArg=BASE=debian:bookworm\n"),
        ("units/app.build", "[Build]\nFile=../Dockerfile\nPodmanArgs=--build-arg BASE=debian:bookworm\n"),
    ],
)
def test_scan_lists_default_and_image_that_a_build_file_uses_instead(basebump, tmp_path, path, content):
    files = {path: content, "Dockerfile": "ARG BASE=alpine:3.20\nFROM ${BASE}\n"}
    _, out, _ = basebump("scan", write_tree(tmp_path / "tree", files), "--offline", "--format", "json")
    found = {each["path"]: (each["reference"], each["reason"]) for each in json.loads(out)["references"]}
    default_reason = "acr-task" if path.endswith("acb.yaml") else "offline"
    assert found == {"Dockerfile": ("alpine:3.20", default_reason), path: ("debian:bookworm", "build-argument")}


@pytest.mark.parametrize("value", ["upper(V)", '"debian:${UNKNOWN}"'])
def test_image_that_bake_computes_is_not_listed(basebump, tmp_path, value):
    files = {
        "docker-bake.hcl": f'target "t" {{ args = {{ BASE = {value} }} }}\n',
        "Dockerfile": "ARG BASE=alpine:3.20\nFROM ${BASE}\n",
    }
    _, out, _ = basebump("scan", write_tree(tmp_path / "tree", files), "--offline", "--format", "json")
    (found,) = json.loads(out)["references"]
    assert (found["path"], found["notes"]) == (
        "Dockerfile",
        ["docker-bake.hcl:1 sets BASE; there the default does not count"],
    )


def test_check_lists_image_that_a_compose_file_builds_instead_of_the_default(basebump, tmp_path):
    pinned = f"3.12@{digest('a')}"
    compose = "services:\n  a: {build: {context: ., args: {IMAGE: evil/python, TAG: '3.13', SAME: 'redis:7'}}}\n"
    dockerfile = (
        f"ARG IMAGE=python:{pinned}\nARG TAG={pinned}\nARG SAME=redis:7@{digest('a')}\n"
        "FROM ${IMAGE}\nFROM python:${TAG:-x}\nFROM $SAME\nFROM ${IMAGE}\n"
    )
    folder = write_tree(tmp_path / "tree", {"compose.yaml": compose, "Dockerfile": dockerfile})
    _, out, _ = basebump("check", folder, "--offline", "--gate", "--format", "json")
    found = [(each["path"], each["reason"], each["reference"]) for each in json.loads(out)["findings"]]
    assert found == [
        ("compose.yaml", "build-argument", "evil/python"),
        ("compose.yaml", "build-argument", "python:3.13"),
        ("compose.yaml", "build-argument", "redis:7"),
    ]
    write_tree(
        folder, {"compose.yaml": f"services:\n  a: {{build: {{context: ., args: ['IMAGE=python:{pinned}']}}}}\n"}
    )
    assert basebump("check", folder, "--offline", "--gate")[0] == 0
