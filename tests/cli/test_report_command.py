"""`basebump report`: one page for several runs that shared a fleet."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from support.git import DiskRepository
from support.runs.reports import build_proposal, build_repository, build_run_report
from support.witnesses.pages import PageOutline

from bot.cli.report import MAX_NAMED
from bot.model.due_date import DueClass, DueDate
from bot.model.vocabulary import ProposalOutcome
from bot.reports.run.report_document import render_run_document


@pytest.fixture
def run(tmp_path, basebump, config, loopback):
    """Run on two repositories with an outdated image."""
    old, _ = (loopback.move("python", "3.12", content) for content in ("old", "now"))
    for name in ("api", "web"):
        DiskRepository.create(tmp_path / "repositories" / f"{name}.git", {"Dockerfile": f"FROM python:3.12@{old}\n"})
    path = config(f"forges: [{{kind: local, url: {tmp_path / 'repositories'}}}]\n")
    return lambda *arguments: basebump("run", "--config", path, *arguments)


@pytest.mark.real("git")
def test_report_renders_json_of_a_run_as_the_same_html_page_as_the_run(run, basebump, tmp_path):
    document, page, again = (tmp_path / name for name in ("run.json", "run.html", "again.html"))
    assert run("--export", f"json={document}", "--export", f"html={page}")[0] == 0
    assert basebump("report", document, "-q", "-o", again) == (0, "", "")
    assert again.read_bytes() == page.read_bytes()
    assert basebump("report", document)[1] == page.read_text()


@pytest.mark.real("git")
def test_report_merges_json_documents_of_shards_into_one_page(run, basebump, tmp_path):
    documents = [tmp_path / f"{number}.json" for number in (1, 2)]
    for number, document in enumerate(documents, 1):
        assert run("--shard", f"{number}/2", "--export", f"json={document}")[0] == 0
    code, page, _ = basebump("report", *documents)
    assert code == 0
    assert PageOutline(page).rows("Repositories", "2", "Images", "1", "Image references", "2")


@pytest.mark.parametrize(
    ("content", "why"), [(b"{}", "is not the JSON output of"), (b"\xff", "not UTF-8 text"), (None, "No such file")]
)
def test_report_refuses_invalid_json_document(basebump, tmp_path, content, why):
    document = tmp_path / "run.json"
    if content is not None:
        document.write_bytes(content)
    code, out, err = basebump("report", document, "--html", tmp_path / "page.html")
    assert (code, out) == (2, "")
    assert err.startswith(f"error: {document} cannot be ")
    assert why in err
    assert not (tmp_path / "page.html").exists()


@pytest.mark.real("git")
def test_report_accepts_json_document_with_a_byte_order_mark(run, basebump, tmp_path):
    document = tmp_path / "run.json"
    assert run("--export", f"json={document}")[0] == 0
    page = basebump("report", document)
    document.write_bytes(b"\xef\xbb\xbf" + document.read_bytes())
    assert basebump("report", document) == page


def test_report_does_not_write_page_through_a_symbolic_link(basebump, tmp_path):
    (tmp_path / "page.html").symlink_to(tmp_path / "elsewhere")
    code, _, err = basebump("report", tmp_path / "run.json", "--html", tmp_path / "page.html")
    assert code == 2
    assert "contains a symbolic link" in err


def write_document(path, *proposals):
    path.write_text(render_run_document(build_run_report(build_repository(proposals=proposals))), encoding="utf-8")
    return path


def test_report_with_fail_overdue_option_exits_with_4_and_names_overdue_proposals(basebump, tmp_path):
    due = DueDate(datetime(2026, 12, 2, tzinfo=UTC), DueClass.CRITICAL)
    late = replace(due, is_overdue=True)
    page = tmp_path / "page.html"
    document = write_document(
        tmp_path / "run.json", build_proposal("Update a\nerror: b", due=late), build_proposal("c", due=due)
    )
    assert basebump("report", document, "-q", "-o", page) == (0, "", "")
    code, out, err = basebump("report", document, "-q", "-o", page, "--fail-overdue")
    assert (code, out) == (4, "")
    assert err == "overdue since 2026-12-02: acme/web: Update a error: b (basebump/node-22-00000000)\n"
    assert page.exists()
    many = write_document(
        tmp_path / "many.json", *(build_proposal(str(number), due=late) for number in range(MAX_NAMED + 2))
    )
    assert "2 more proposals are overdue" in basebump("report", many, "--fail-overdue")[2]


def test_accepted_risks_and_proposals_not_yet_due_do_not_make_report_exit_with_4(basebump, tmp_path):
    due = DueDate(datetime(2026, 12, 2, tzinfo=UTC), DueClass.CRITICAL)
    declined = build_proposal("b", ProposalOutcome.DECLINED, accepted_risk=DueClass.EXPLOITED)
    document = write_document(tmp_path / "run.json", build_proposal("a", due=due), declined)
    code, page, err = basebump("report", document, "--fail-overdue")
    assert (code, err) == (0, "")
    assert PageOutline(page).rows(
        "Overdue", "0", "of 1 proposals with a due date; 0 not scanned; 1 declined (accepted risk)"
    )
