"""The numbers that pages name are those of the program."""

from __future__ import annotations

import pytest
from support.docs.written import read_page
from support.parts import ROOT

from bot.advisories import public_lists
from bot.cli import github_action
from bot.core.markdown import MAX_TEXT_LENGTH
from bot.core.proposal import missing_attributes
from bot.forges.github import tree as github_tree
from bot.forges.hosted import connection
from bot.forges.hosted import server_examination as examination
from bot.formats import dockerfile
from bot.formats._readers import env
from bot.formats._syntax import bicep_scanner, gradle_script, jsonc, starlark, units, xml_elements
from bot.formats._syntax.dockerfile import heredocs, lexer, reader
from bot.formats._syntax.hcl import tokens
from bot.formats._syntax.helm import actions, blocks
from bot.formats._syntax.yaml import nodes, trees
from bot.formats._syntax.yaml import nodes as parsed_sections
from bot.model import cost_limits
from bot.model.limits import DEFAULT_FLEET_LIMITS, DEFAULT_REPOSITORIES_PER_RUN
from bot.model.modes import REFRESH_EVERY
from bot.net.pace import MAX_PAUSE
from bot.pipeline.choice import tag_listings
from bot.pipeline.proposal import branch_judge
from bot.pipeline.references import extract
from bot.pipeline.worker_pool import REGISTRY_POOL
from bot.registries.pull_quotas import RESERVED_PULLS
from bot.reports.page import fleet_html as html
from bot.scanners import grype, trivy
from bot.state.tables import TAGS_KEPT

MIB = 1024 * 1024
WORDS = {2: "two", 3: "three", 5: "five", 7: "seven", 10: "ten", 20: "twenty", 32: "thirty-two"}

NUMBERS = [
    ("vocabulary", f"{extract.MAX_FILE_BYTES // MIB} MiB"),
    ("registries", f"last {WORDS[RESERVED_PULLS]} pulls"),
    ("registries", f"{MAX_PAUSE:.0f} seconds"),
    ("updates", f"{WORDS[tag_listings.MAX_FALLBACK_TAGS]} tags between"),
    ("configuration", f"{TAGS_KEPT.days} days"),
    ("proposals", f"{WORDS[missing_attributes.RETRY_PERIOD.days]} days"),
    ("proposals", f"{WORDS[DEFAULT_REPOSITORIES_PER_RUN]} new repositories"),
    ("proposals", f"new_per_repository: {DEFAULT_FLEET_LIMITS.new_per_repository}, "),
    ("proposals", f"new_per_window: {DEFAULT_FLEET_LIMITS.new_per_window}, "),
    ("proposals", f"open_per_repository: {DEFAULT_FLEET_LIMITS.open_per_repository}}}"),
    ("doctor", f"{examination.MAX_EXAMINED_REPOSITORIES} repositories"),
    ("evidence", f"{WORDS[trivy.MAX_DATABASE_AGE.days]} days"),
    ("evidence", f"{public_lists.MAX_CATALOGUE_SIZE // MIB} MiB"),
    ("evidence", f"{public_lists.MAX_SCORES_SIZE // MIB} MiB"),
    ("forge-github", f"{github_tree.MAX_TREE_REQUESTS} requests"),
    ("github-action", f"{github_action.MAX_OUTPUT:,} characters"),
    ("troubleshooting", f"{WORDS[REGISTRY_POOL.workers]} at a time"),
    ("operations", f"{TAGS_KEPT.days} days"),
    ("limits", f"{extract.MAX_FILE_BYTES // MIB} MiB"),
    ("limits", f"{cost_limits.MAX_FILE_REFERENCES:,}"),
    ("limits", f"{cost_limits.MAX_FILE_FACTS:,}"),
    ("limits", f"{cost_limits.MAX_TREE_REFERENCES:,}"),
    ("limits", f"{cost_limits.MAX_RUN_REFERENCES:,}"),
    ("limits", f"{cost_limits.MAX_TREE_FACTS:,}"),
    ("limits", f"{cost_limits.MAX_TREE_BYTES // MIB} MiB"),
    ("limits", f"{cost_limits.MAX_TREE_READ_BYTES // MIB // 1024} GiB"),
    ("limits", f"{cost_limits.MAX_TREE_PATH_CHARACTERS:,}"),
    ("limits", f"nested folders that contain a file | {cost_limits.MAX_PATH_FOLDERS}"),
    ("limits", f"{cost_limits.MAX_TREE_STEPS:,}"),
    ("limits", f"{cost_limits.MIN_PATTERN_BYTES} bytes | {cost_limits.MAX_TREE_PATTERN_BYTES // 1024} KiB"),
    ("limits", f"{cost_limits.MAX_TREE_IMAGES:,}"),
    ("limits", f"{cost_limits.MAX_TREE_EDITED_BYTES // MIB} MiB"),
    ("limits", f"{cost_limits.MAX_TAG_COMPARISONS:,}"),
    ("limits", f"{cost_limits.MAX_REPOSITORY_RULES} each"),
    ("limits", f"{dockerfile.MAX_LINES:,} | `too-large`"),
    ("limits", f"{lexer.MAX_LINE_BYTES:,} bytes, as in BuildKit"),
    ("limits", f"flags in a Dockerfile | {lexer.MAX_FLAGS:,}"),
    ("limits", f"equals signs in the `ARG` instructions of a Dockerfile | {reader.MAX_DEFAULTS:,}"),
    ("limits", f"{heredocs.MAX_HEREDOCS:,} | `too-large`"),
    ("limits", f"{nodes.MAX_INDICATORS:,} | `too-large`"),
    ("limits", f"The first {parsed_sections.MAX_DOCUMENTS:,} documents are read"),
    ("limits", f"{trees.MAX_NESTING} | `too-large`"),
    ("limits", f"{trees.MAX_REPEATED_CHARACTERS:,} | `too-large`"),
    ("limits", f"{tokens.MAX_TOKENS:,} | `too-large`"),
    ("limits", f"{tokens.MAX_NESTING} | `too-large`"),
    ("limits", f"elements of an XML file | {xml_elements.MAX_ELEMENTS:,}"),
    ("limits", f"equals signs in an XML file, which set attributes | {xml_elements.MAX_EQUALS_SIGNS:,}"),
    ("limits", f"nested elements of an XML file | {xml_elements.MAX_NESTING}"),
    ("limits", f"tokens of a Bazel or Bicep file | {starlark.MAX_TOKENS:,}"),
    ("limits", f"tokens of a Bazel or Bicep file | {bicep_scanner.MAX_TOKENS:,}"),
    ("limits", f"nested brackets of a Bazel or Bicep file | {starlark.MAX_NESTING}"),
    ("limits", f"nested brackets of a Bazel or Bicep file | {bicep_scanner.MAX_NESTING}"),
    ("limits", f"tokens of a Gradle script | {gradle_script.MAX_TOKENS:,}"),
    ("limits", f"nested blocks of a Gradle script | {gradle_script.MAX_NESTING}"),
    ("limits", f"{actions.MAX_ACTIONS:,} actions"),
    ("limits", f"{actions.MAX_TOKENS:,} tokens, an action of more than {actions.MAX_ACTION_LENGTH:,} characters"),
    ("limits", f"{blocks.MAX_BLOCKS} nested blocks"),
    ("configuration", f"at most {cost_limits.MAX_REPOSITORY_RULES} rules"),
    ("configuration", f"at most {cost_limits.MAX_REPOSITORY_ITEMS} items"),
    ("output", f"{html.MAX_BYTES // 10**6} MB"),
    ("output", f"{MAX_TEXT_LENGTH} characters"),
    ("policies", f"{WORDS[REFRESH_EVERY.days]} days"),
    ("policies", f"{WORDS[DEFAULT_REPOSITORIES_PER_RUN]} repositories"),
    ("reviewing", f"{WORDS[REFRESH_EVERY.days]} days"),
    ("security", f"{branch_judge.MAX_COMPARED_FILES:,} files or {branch_judge.MAX_COMPARED_BYTES // MIB} MiB"),
    ("security", f"{branch_judge.MAX_JUDGED_FILES:,} files would have to be compared for all branches"),
    ("security", f"for all branches have more than {branch_judge.MAX_JUDGED_BYTES // MIB} MiB together"),
    ("security", f"up to {github_tree.MAX_COMPARED_TREES} (`git/trees`)"),
]


@pytest.mark.parametrize(("page", "words"), NUMBERS, ids=[words for _, words in NUMBERS])
def test_docs_state_the_limits_that_the_code_uses(page, words):
    assert words in " ".join(read_page(ROOT / "docs" / f"{page}.md").split())


def test_limits_that_docs_state_for_several_modules_are_equal_in_these_modules():
    assert connection.MAX_WAIT == 60
    assert dockerfile.MAX_LINES == env.MAX_LINES == units.MAX_LINES
    assert (tokens.MAX_TOKENS, tokens.MAX_NESTING) == (jsonc.MAX_TOKENS, jsonc.MAX_NESTING)
    assert grype.MAX_DATABASE_AGE == trivy.MAX_DATABASE_AGE
