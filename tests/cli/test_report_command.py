"""`basebump report`: one page for several runs that shared a fleet."""

from __future__ import annotations

import pytest
from support.git import Git
from support.witnesses.pages import Outline


@pytest.fixture
def run(tmp_path, basebump, config, loopback):
    """Run on two repositories with an outdated image."""
    old, _ = (loopback.move("python", "3.12", content) for content in ("old", "now"))
    for name in ("api", "web"):
        Git.create(tmp_path / "repositories" / f"{name}.git", {"Dockerfile": f"FROM python:3.12@{old}\n"})
    path = config(f"forges: [{{kind: local, url: {tmp_path / 'repositories'}}}]\n")
    return lambda *arguments: basebump("run", "--config", path, *arguments)


@pytest.mark.real("git")
def test_page_of_a_run_equals_the_page_of_its_document(run, basebump, tmp_path):
    document, page, again = (tmp_path / name for name in ("run.json", "run.html", "again.html"))
    assert run("--export", f"json={document}", "--export", f"html={page}")[0] == 0
    assert basebump("report", document, "-q", "-o", again) == (0, "", "")
    assert again.read_bytes() == page.read_bytes()
    assert basebump("report", document)[1] == page.read_text()


@pytest.mark.real("git")
def test_shards_become_one_page(run, basebump, tmp_path):
    documents = [tmp_path / f"{number}.json" for number in (1, 2)]
    for number, document in enumerate(documents, 1):
        assert run("--shard", f"{number}/2", "--export", f"json={document}")[0] == 0
    code, page, _ = basebump("report", *documents)
    assert code == 0
    assert Outline(page).rows("Repositories", "2", "Images", "1", "Image references", "2")


@pytest.mark.parametrize(
    ("content", "why"), [(b"{}", "is not the JSON output of"), (b"\xff", "not UTF-8 text"), (None, "No such file")]
)
def test_invalid_document_is_wrong_usage(basebump, tmp_path, content, why):
    document = tmp_path / "run.json"
    if content is not None:
        document.write_bytes(content)
    code, out, err = basebump("report", document, "--html", tmp_path / "page.html")
    assert (code, out) == (2, "")
    assert err.startswith(f"error: {document} cannot be ")
    assert why in err
    assert not (tmp_path / "page.html").exists()


@pytest.mark.real("git")
def test_document_may_begin_with_a_byte_order_mark(run, basebump, tmp_path):
    document = tmp_path / "run.json"
    assert run("--export", f"json={document}")[0] == 0
    page = basebump("report", document)
    document.write_bytes(b"\xef\xbb\xbf" + document.read_bytes())
    assert basebump("report", document) == page


def test_page_is_not_written_through_a_link(basebump, tmp_path):
    (tmp_path / "page.html").symlink_to(tmp_path / "elsewhere")
    code, _, err = basebump("report", tmp_path / "run.json", "--html", tmp_path / "page.html")
    assert code == 2
    assert "contains a symbolic link" in err
