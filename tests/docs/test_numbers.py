"""The numbers that pages name are those of the program, and the architecture that is drawn is how it is built."""

from __future__ import annotations

import inspect
import re
import tomllib

import pytest
from support.docs.written import said
from support.parts import ROOT

from bot import ports
from bot.advisories import public_lists
from bot.cli import github_action
from bot.core.markdown import MAX_TEXT_LENGTH
from bot.core.proposal import missing_attributes
from bot.forges.github import tree as github_tree
from bot.forges.hosted import connection, examination
from bot.model.limits import DEFAULT_FLEET_LIMITS, DEFAULT_REPOSITORIES_PER_RUN
from bot.model.modes import REFRESH_EVERY
from bot.net.pace import MAX_PAUSE
from bot.pipeline import extract, tag_listings
from bot.pipeline.worker_pool import REGISTRY_POOL
from bot.registries.pull_quotas import RESERVED_PULLS
from bot.reports import html
from bot.scanners import grype, trivy
from bot.state.tables import TAGS_KEPT

MIB = 1024 * 1024
WORDS = {2: "two", 3: "three", 5: "five", 7: "seven", 10: "ten", 20: "twenty", 32: "thirty-two"}

NUMBERS = [
    ("vocabulary", f"larger than the {extract.MAX_FILE_BYTES // MIB} MiB that basebump reads"),
    ("configuration", f"The last {WORDS[RESERVED_PULLS]} pulls of Docker Hub's limit are left for others"),
    ("configuration", f"it asks for more than {MAX_PAUSE:.0f} seconds"),
    ("configuration", f"up to {WORDS[tag_listings.MAX_FALLBACK_TAGS]} nearer tags are tried"),
    ("configuration", f"not seen for {TAGS_KEPT.days} days are deleted"),
    ("configuration", f"tries again for {WORDS[missing_attributes.RETRY_PERIOD.days]} days after the last push"),
    ("configuration", f"A run onboards {WORDS[DEFAULT_REPOSITORIES_PER_RUN]} new repositories"),
    ("configuration", f"limits: {{new_per_repository: {DEFAULT_FLEET_LIMITS.new_per_repository}, "),
    (
        "configuration",
        (
            f"new_per_run: {DEFAULT_FLEET_LIMITS.new_per_run}, "
            f"open_per_repository: {DEFAULT_FLEET_LIMITS.open_per_repository}}}"
        ),
    ),
    ("doctor", f"at most {examination.MAX_EXAMINED_REPOSITORIES} repositories of a forge"),
    ("evidence", f"the database is older than {WORDS[trivy.MAX_DATABASE_AGE.days]} days"),
    (
        "evidence",
        (
            f"too large ({public_lists.MAX_CATALOGUE_SIZE // MIB} MiB "
            f"and {public_lists.MAX_SCORES_SIZE // MIB} MiB, unpacked)"
        ),
    ),
    ("forges", f"up to {github_tree.MAX_TREE_REQUESTS} requests"),
    ("github-action", f"cut after {github_action.MAX_OUTPUT:,} characters"),
    ("operations", f"{WORDS[REGISTRY_POOL.workers]} at a time"),
    ("operations", f"data that it has not seen for {TAGS_KEPT.days} days"),
    ("output", f"stays below {html.MAX_BYTES // 10**6} MB"),
    ("output", f"on one line, at most {MAX_TEXT_LENGTH} characters"),
    ("policies", f"The default is {WORDS[REFRESH_EVERY.days]} days"),
    ("policies", f"at most {WORDS[DEFAULT_REPOSITORIES_PER_RUN]} repositories"),
    ("reviewing", f"leaves the pull request alone for {WORDS[REFRESH_EVERY.days]} days"),
]


@pytest.mark.parametrize(("page", "words"), NUMBERS, ids=[words for _, words in NUMBERS])
def test_a_number_on_a_page_is_that_of_the_program(page, words):
    assert words in " ".join(said(ROOT / "docs" / f"{page}.md").split())


def test_a_limit_of_a_forge_that_is_waited_for_is_a_minute():
    assert connection.MAX_WAIT == 60
    assert all(
        "for up to a minute" in said(ROOT / "docs" / f"{page}.md") for page in ("forges", "operations")
    )
    assert grype.MAX_DATABASE_AGE == trivy.MAX_DATABASE_AGE


# ---- the architecture ------------------------------------------------------------------------------------------------

ARCHITECTURE = said(ROOT / "docs" / "architecture.md")


def test_the_rooms_on_the_page_are_the_layers_that_are_checked():
    drawn = ARCHITECTURE.partition("\n__main__ ▸ ")[2].partition("\n```")[0]
    layers = [re.findall(r"\w+", each) for each in re.sub(r"\(.*?\)", "", f"__main__ ▸ {drawn}").split("▸")]
    contracts = tomllib.loads(said(ROOT / "pyproject.toml"))["tool"]["importlinter"]["contracts"]
    (checked,) = [each["layers"] for each in contracts if each["type"] == "layers" and "__main__" in each["layers"]]
    assert layers == [re.findall(r"\w+", each) for each in checked]


def test_the_phases_that_are_drawn_are_those_of_the_table():
    drawn = re.findall(r"\w+", ARCHITECTURE.partition("\n   extract")[2].partition("\n")[0])
    table = re.findall(r"^\| (\w+) \| `", ARCHITECTURE, re.MULTILINE)
    assert [each for each in table if each not in {"builds", "reconcile"}] == ["extract", *drawn]


def test_no_seam_has_more_than_seven_methods():
    seams = [each for each in vars(ports).values() if inspect.isclass(each) and each.__module__ == ports.__name__]
    methods = {
        seam.__name__: [each for each, value in vars(seam).items() if inspect.isfunction(value) and each[0] != "_"]
        for seam in seams
    }
    assert {"FileFormat", "Forge", "Scanner"} <= methods.keys()
    assert {name: verbs for name, verbs in methods.items() if len(verbs) > 7} == {}
