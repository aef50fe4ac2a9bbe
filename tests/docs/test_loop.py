"""What the pages on operations and on the loop show besides what every page is held to."""

from __future__ import annotations

import re

import pytest
from support.docs.written import command_lines
from support.parts import ROOT

LOOP = (ROOT / "docs" / "loop.md").read_text(encoding="utf-8")
OPERATIONS = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")


def test_every_kind_of_pipeline_ends_in_a_run_for_the_image_that_was_pushed():
    for heading in ("azure-pipelines.yml", ".gitlab-ci.yml", "Jenkinsfile", "workflow"):
        (example,) = (
            text for text in re.findall(r"```\w+\n(.*?)```", LOOP, re.DOTALL) if heading in text.partition("\n")[0]
        )
        (line,) = command_lines(example)
        assert re.search(r"^run .*--level propose --image \S+$", line), heading


@pytest.mark.parametrize("page", [LOOP, OPERATIONS], ids=["loop", "operations"])
def test_no_page_invents_a_digest(page):
    assert not re.search("sha256:[0-9a-f]", page)
