"""Several outputs of one run: one on stdout, and the others in files."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from support.git import DiskRepository
from support.parts import ROOT
from support.runs.worlds import write_tree
from support.witnesses.sarif import read_sarif

from bot.cli.outputs import FORMATS


@pytest.fixture
def scan(tmp_path, basebump, config, loopback):
    """Scan a folder with an outdated image, and return the result of the command."""
    old, _ = (loopback.move("python", "3.12", content) for content in ("old", "now"))
    folder = write_tree(tmp_path / "tree", {"Dockerfile": f"FROM python:3.12@{old}\n"})

    def go(*arguments: object):
        return basebump("scan", folder, "--config", config(), *arguments)

    return go


@pytest.fixture
def run(tmp_path, basebump, config, loopback):
    """Run on a repository with an outdated image."""
    old, _ = (loopback.move("python", "3.12", content) for content in ("old", "now"))
    DiskRepository.create(tmp_path / "repositories" / "web.git", {"Dockerfile": f"FROM python:3.12@{old}\n"})
    path = config(f"forges: [{{kind: local, url: {tmp_path / 'repositories'}}}]\n")
    return lambda *arguments: basebump("run", "--config", path, *arguments)


def list_export_options(folder) -> list[str]:
    return [word for each in FORMATS for word in ("--export", f"{each}={folder / each}")]


def test_scan_exports_have_same_content_as_stdout_and_cause_no_more_requests(scan, tmp_path, loopback):
    code, out, err = scan(*list_export_options(tmp_path))
    asked = len(loopback.registry.served_requests)
    assert (code, err.splitlines()) == (
        0,
        [f"note: wrote the result as {each} to {tmp_path / each}" for each in FORMATS],
    )
    assert (tmp_path / "text").read_text() == out
    for number, each in enumerate(FORMATS, 2):
        assert scan("--format", each)[1] == (tmp_path / each).read_text(), each
        assert len(loopback.registry.served_requests) == number * asked
    (result,) = read_sarif((tmp_path / "sarif").read_text())[0]["results"]
    assert result["ruleId"] == "update"
    _, reference = (json.loads(line) for line in (tmp_path / "jsonl").read_text().splitlines())
    assert reference["status"] == "update"


@pytest.mark.real("git")
def test_run_exports_several_formats_at_once(run, tmp_path):
    code, out, _ = run("--format", "markdown", *list_export_options(tmp_path))
    assert code == 0
    assert (tmp_path / "markdown").read_text() == out
    assert "| `web` (`main`) | Update python:3.12 to " in out
    assert json.loads((tmp_path / "json").read_text())["level"] == "report"
    kinds = [json.loads(line)["kind"] for line in (tmp_path / "jsonl").read_text().splitlines()]
    assert kinds == ["repository", "reference", "proposal"]
    (result,) = read_sarif((tmp_path / "sarif").read_text())[0]["results"]
    assert result["locations"][0]["physicalLocation"]["region"] == {"startLine": 1}


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ("json", "does not have the form FORMAT=FILE"),
        ("json=", "does not have the form FORMAT=FILE"),
        ("xml=report.xml", "does not have the form FORMAT=FILE"),
        ("json=-", "cannot be written to stdout"),
        ("json=nowhere/report.json", "nowhere is not a folder"),
        ("json=.", ". cannot be written: it is a folder"),
    ],
)
def test_invalid_export_option_is_refused_before_any_registry_request(scan, loopback, said, why):
    code, out, err = scan("--export", said)
    assert (code, out) == (2, "")
    assert why in err
    assert not loopback.registry.served_requests


@pytest.mark.parametrize("said", ["report.json", "reports/report.json"])
def test_export_refuses_path_with_symbolic_link(scan, tmp_path, monkeypatch, said):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "report.json").write_text("kept")
    (tmp_path / "checkout").mkdir()
    monkeypatch.chdir(tmp_path / "checkout")
    (tmp_path / "checkout" / "report.json").symlink_to(outside / "report.json")
    (tmp_path / "checkout" / "reports").symlink_to(outside)
    code, _, err = scan("--export", f"json={said}")
    assert code == 2
    assert "contains a symbolic link" in err
    assert (outside / "report.json").read_text() == "kept"


def test_two_exports_to_the_same_file_are_wrong_usage(scan, tmp_path):
    code, _, err = scan("--export", f"json={tmp_path}/a", "--export", f"text={tmp_path}/./a")
    assert code == 2
    assert "two exports" in err


def test_scan_with_failed_export_exits_with_1_and_writes_other_exports(scan, tmp_path):
    code, out, err = scan("--export", "json=/dev/full", "--export", f"jsonl={tmp_path / 'lines'}")
    assert code == 1
    assert "1 update" in out
    assert re.search("/dev/full .* json: No space", err)
    assert (tmp_path / "lines").read_text()


def test_exports_are_written_even_if_stdout_is_closed(tmp_path):
    write_tree(tmp_path / "tree", {f"{number}/Dockerfile": "FROM python:3.12\n" for number in range(500)})
    export = tmp_path / "report.json"
    command = f"{sys.executable} -m bot scan {tmp_path / 'tree'} --offline --export json={export} | head -1"
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, shell=True)
    assert (done.returncode, done.stderr) == (0, f"note: wrote the result as json to {export}\n")
    assert len(json.loads(export.read_text())["references"]) == 500


def test_exports_are_valid_utf8_even_if_a_scanned_path_is_not(tmp_path, basebump):
    folder = os.fsencode(tmp_path) + b"/tree/caf\xe9"
    os.makedirs(folder)  # noqa: PTH103 - pathlib has no paths of bytes
    with open(folder + b"/Dockerfile", "w") as file:  # noqa: PTH123 - the same
        file.write("FROM python:3.12\n")
    code, _, err = basebump("scan", tmp_path / "tree", "--offline", "-q", *list_export_options(tmp_path))
    assert (code, err) == (0, "")
    for each in FORMATS:
        assert (tmp_path / each).read_bytes().decode("utf-8"), each


def test_metrics_file_is_replaced_atomically(scan, tmp_path):
    metrics = tmp_path / "basebump.prom"
    metrics.write_text("old")
    with metrics.open() as reader:
        assert scan("--export", f"metrics={metrics}")[0] == 0
        assert reader.read() == "old"
    assert 'basebump_references{forge="folder",status="update",pinned="true"} 1\n' in metrics.read_text()
    assert sorted(path.name for path in tmp_path.glob(".*.part")) == []


def test_export_to_a_device_does_not_replace_the_device(scan):
    code, _, err = scan("--export", "metrics=/dev/full")
    assert code == 1
    assert re.search("/dev/full .* metrics: No space", err)
    assert Path("/dev/full").is_char_device()
