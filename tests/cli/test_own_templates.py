"""The operator's own templates, which are edited copies of basebump's."""

from __future__ import annotations

import json

import pytest
from support.git import DiskRepository
from support.values import digest

from bot import resources

pytestmark = pytest.mark.real("git")
BRANCH = "basebump/python-3.12-slim-06e5bb43"


@pytest.fixture
def body(tmp_path, basebump, config, loopback):
    """Open a proposal with `text` in the config, and return its body without the HTML comment of basebump."""
    loopback.move("python", "3.12-slim", "now")

    def propose(more: str = "") -> str:
        folder = tmp_path / f"repositories{len(more)}"
        git = DiskRepository.create(folder / "web.git", {"Dockerfile": f"FROM python:3.12-slim@{digest('old')}\n"})
        path = config(f"forges: [{{kind: local, url: {folder}}}]\n{more}")
        code, out, _ = basebump("run", "--config", path, "--level", "propose")
        assert code == 0, out
        blob = json.loads(git.run("cat-file", "blob", f"refs/basebump/proposals/{BRANCH}"))
        return blob["body"].partition("<!-- basebump:1 ")[0]

    return propose


def test_custom_copy_of_default_template_renders_the_same_body_as_the_default(tmp_path, body):
    (tmp_path / "own.md.j2").write_text(resources.read_template("body.md.j2"))
    assert body("proposals: {templates: {body: own.md.j2}}\n") == body()


def test_custom_template_can_call_and_redefine_macros_of_basebump(tmp_path, body):
    (tmp_path / "own.md.j2").write_text(
        "{% macro counted(scan, severity) %}own {{ severity.word }}{% endmacro %}"
        "{{ known(3) }}, {{ counted(none, Severity.LOW) }}, {{ chance(0.01) }}"
    )
    assert body("proposals: {templates: {body: own.md.j2}}\n").strip() == (
        "3 known vulnerabilities, own low, under 0.1 %"
    )
