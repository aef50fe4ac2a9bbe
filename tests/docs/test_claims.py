"""The table of claims about forges has a tick for what ran and passed, and for nothing else."""

import pytest
from support.forges.claims import FORGES, MARK, claims_table, note_claims
from support.forges.forge_stands import STANDS
from support.parts import ROOT

WHY = {"github-app": "as with a token"}


def build_report(claim, forge, outcome="passed", when="call", why=None):
    """Return what pytest hands on of one phase of one test."""
    properties = [("claim", ("tests/x.py", claim, forge, WHY))]
    name = f"tests/x.py::{claim}[{forge}]"
    return pytest.TestReport(name, ("tests/x.py", 1, claim), {}, outcome, why, when, user_properties=properties)


def render_rows(*reports):
    return [line for line in claims_table(reports) if line.startswith("| it ")]


def build_row(**cells):
    """Return the row of a claim in which these forges have cells, and all others a dash."""
    return f"| it opens | {' | '.join(cells.get(each.replace('-', '_'), '-') for each in FORGES)} |"


def test_table_of_claims_ticks_only_forges_with_a_passed_test():
    assert render_rows(build_report("it opens", "local"), build_report("it opens", "gitlab")) == [
        build_row(local="✓", gitlab="✓")
    ]


def test_table_of_claims_ticks_claim_with_several_tests_only_if_all_passed():
    both = [build_report("it opens", "local"), build_report("it opens", "local")]
    assert render_rows(*both) == [build_row(local="✓ 2")]
    assert render_rows(*both, build_report("it opens", "local", "failed")) == [build_row(local="✗")]


def test_table_of_claims_shows_number_of_passed_tests_and_reason_for_skipped_tests():
    skipped = build_report("it opens", "azure", "skipped", "call", ("x.py", 1, "Skipped: no issues"))
    lines = list(claims_table([build_report("it opens", "azure"), skipped, build_report("it opens", "azure")]))
    assert build_row(azure="✓ 2 of 3") in lines
    assert "- azure, it opens: Skipped: no issues" in lines


def test_table_of_claims_shows_failure_if_teardown_of_a_test_failed():
    broken = build_report("it opens", "github", "failed", "teardown")
    assert render_rows(build_report("it opens", "github"), broken) == [build_row(github="✗")]


def test_claim_is_not_ticked_if_only_the_setup_of_the_test_ran():
    assert render_rows(build_report("it opens", "local", when="setup")) == [build_row()]


def test_table_of_claims_lists_a_reason_for_every_forge_without_result():
    skipped = build_report("it opens", "gitlab", "skipped", "setup", ("x.py", 1, "Skipped: no git here"))
    lines = list(claims_table([build_report("it opens", "local"), skipped]))
    assert "- github-app: as with a token" in lines
    assert "- github: not among what ran" in lines
    assert "- gitlab, it opens: Skipped: no git here" in lines
    shown = ", ".join(f"{each} {int(each == 'local')}" for each in FORGES)
    assert lines[-1] == f"1 claims; shown for {shown}"


def test_table_of_claims_ignores_tests_without_mark_or_forge(request):
    before = list(request.node.user_properties)
    note_claims([request.node])
    assert request.node.user_properties == before


@pytest.mark.parametrize("path", sorted((ROOT / "tests" / "forges").glob("*_contract.py")), ids=lambda path: path.name)
def test_every_contract_test_file_of_forges_is_marked_for_the_table_of_claims(path):
    assert f"pytest.mark.{MARK}" in path.read_text(encoding="utf-8")


def test_table_of_claims_has_a_column_for_each_forge_of_the_contract():
    assert tuple(STANDS) == FORGES
