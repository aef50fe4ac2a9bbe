"""Scans of one tree: every status, in the reports for scripts and for users."""

import json
import re
from dataclasses import replace

import pytest
from support.forges.stands import LocalStand
from support.runs.worlds import LoopbackHub, build, write_tree
from support.values import digest

from bot.formats import load_formats_with_globs
from bot.model.forge import ForgeLimits
from bot.model.policy import PolicyConfig, PolicyRule, RuleMatch
from bot.model.vocabulary import Role
from bot.pipeline.references.file_reading import MAX_FILE_BYTES
from bot.pipeline.scan import scan_tree
from bot.registries.endpoints import RegistryEntry
from bot.reports.run.markdown_summary import render_markdown_summary
from bot.reports.run.report_document import render_scan_document
from bot.reports.run.report_text import render_scan_text
from bot.worktree import WorkTree

POD = "apiVersion: v1\nkind: Pod\nspec:\n  containers:\n  - image: {image}\n"


def _scan(tmp_path, loopback: LoopbackHub, files, **more):
    tree = WorkTree(write_tree(tmp_path / "tree", files))
    return scan_tree(tree, "tree", loopback.world(), more.pop("rulebook", loopback.rulebook))


def index_references(scanned):
    document = json.loads(render_scan_document(scanned.report))
    return {(reference["path"], reference["line"]): reference for reference in document["references"]}


def test_scan_reports_outdated_current_and_missing_images(tmp_path, loopback):
    old, now = loopback.move("python", "3.12", "old"), loopback.move("python", "3.12", "now")
    files = {
        "Dockerfile": f"FROM python:3.12@{old} AS a\nFROM python:3.12@{now}\nFROM missing:1\n",
    }
    scanned = _scan(tmp_path, loopback, files)
    stale, fresh, missing = (index_references(scanned)["Dockerfile", line] for line in (1, 2, 3))
    start = len("FROM python:3.12@")
    assert stale.pop("evidence")["new"] == {"state": "no-scanner", "counts": None, "created": None}
    assert stale == {
        "path": "Dockerfile",
        "line": 1,
        "format": "dockerfile",
        "locator": "stage[0]",
        "written": f"python:3.12@{old}",
        "reference": f"python:3.12@{old}",
        "canonical": "docker.io/library/python",
        "role": "base",
        "tag": "3.12",
        "digest": old,
        "pinned": True,
        "platform": None,
        "digest_at": {"start": start, "end": start + 71},
        "status": "update",
        "reason": None,
        "new_digest": now,
    }
    assert (fresh["status"], fresh["new_digest"]) == ("up-to-date", None)
    assert (missing["status"], missing["reason"]) == ("unresolved", "not-found-or-denied")
    assert missing["digest_at"] == {
        "start": find_end_of_reference(files["Dockerfile"]),
        "end": find_end_of_reference(files["Dockerfile"]),
    }
    assert scanned.report.failed == ()


def find_end_of_reference(content: str) -> int:
    return content.index("missing:1") + len("missing:1")


@pytest.mark.parametrize("null", ["null", "~"])
def test_position_of_null_digest_is_reported_so_that_a_digest_can_replace_the_null(null, tmp_path, loopback):
    now = loopback.move("python", "3.12", "now")
    content = f"image: {{repository: python, tag: '3.12', digest: {null}}}\n"
    scanned = _scan(tmp_path, loopback, {"web/Chart.yaml": "name: web\n", "web/values.yaml": content})
    reference = index_references(scanned)["web/values.yaml", 1]
    span = reference["digest_at"]
    assert reference["pinned"] is False
    assert content[span["start"] : span["end"]] == null
    (change,) = scanned.changes
    assert change.content.decode() == content[: span["start"]] + now + content[span["end"] :]


def test_json_of_scan_has_exactly_the_documented_keys(tmp_path, loopback):
    loopback.move("python", "3.12", "now")
    scanned = _scan(tmp_path, loopback, {"Dockerfile": "FROM python:3.12\nFROM $X\n"})
    document = json.loads(render_scan_document(scanned.report))
    assert list(document) == ["schema", "root", "references", "unsupported", "unread_texts", "failed"]
    assert (document["schema"], document["root"], document["failed"]) == (1, "tree", [])
    assert document["unsupported"] == [{"path": "Dockerfile", "line": 2, "text": "$X", "reason": "unresolved-argument"}]


def test_edit_changes_only_digests_and_keeps_bom_and_line_breaks(tmp_path, loopback):
    now = loopback.move("python", "3.12", "now")
    before = f"\ufeff# caf\u00e9\r\nFROM python:3.12@{digest('old')} AS a\r\nCOPY --from=python:3.12 /a /b"
    scanned = _scan(tmp_path, loopback, {"Dockerfile": before})
    (change,) = scanned.changes
    expected = before.replace(digest("old"), now).replace("--from=python:3.12 ", f"--from=python:3.12@{now} ")
    assert change.content == expected.encode()


def test_scan_of_file_without_updates_returns_no_changes(tmp_path, loopback):
    now = loopback.move("python", "3.12", "now")
    scanned = _scan(tmp_path, loopback, {"Dockerfile": f"FROM python:3.12@{now}\n"})
    assert scanned.changes == ()


def test_scan_never_contacts_unlisted_registry(tmp_path, loopback):
    files = {"Dockerfile": "FROM registry.unlisted.example/base:1\n", "pod.yaml": POD.format(image="127.0.0.1:1/x:1")}
    references = index_references(_scan(tmp_path, loopback, files))
    assert {reference["reason"] for reference in references.values()} == {"unknown-registry"}
    assert loopback.registry.served_requests == ()


def test_up_to_date_tag_used_in_many_files_costs_one_head_request(tmp_path, loopback):
    now = loopback.move("python", "3.12", "now")
    files = {f"service-{number}/Dockerfile": f"FROM python:3.12@{now}\n" for number in range(20)}
    scanned = _scan(tmp_path, loopback, files | {"pod.yaml": POD.format(image=f"python:3.12@{now}")})
    assert len(index_references(scanned)) == 21
    assert [request.method for request in loopback.registry.served_requests] == ["HEAD"]


def test_tag_with_an_update_costs_one_get_request_in_addition_to_head(tmp_path, loopback):
    loopback.move("python", "3.12", "now")
    _scan(tmp_path, loopback, {"a/Dockerfile": "FROM python:3.12\n", "b/Dockerfile": "FROM python:3.12\n"})
    assert [request.method for request in loopback.registry.served_requests] == ["HEAD", "GET"]


def test_digest_of_one_platform_of_current_index_is_up_to_date(tmp_path, loopback):
    loopback.move("python", "3.12", "now")
    child = build("now").children[1].digest
    references = index_references(_scan(tmp_path, loopback, {"Dockerfile": f"FROM python:3.12@{child}\n"}))
    assert references["Dockerfile", 1]["status"] == "up-to-date"


def test_unreachable_registry_is_reported_once_and_other_registries_are_looked_up(tmp_path, loopback):
    now = loopback.move("python", "3.12", "now")
    loopback.entries = (
        RegistryEntry("docker.io", mirror=loopback.registry.host, is_insecure=True),
        RegistryEntry("127.0.0.1:9", is_insecure=True),
    )
    loopback.rulebook = PolicyConfig(own_globs=(), listed_hosts=frozenset({"docker.io", "127.0.0.1:9"}))
    files = {"Dockerfile": "FROM 127.0.0.1:9/a:1\nFROM 127.0.0.1:9/b:1\nFROM python:3.12\n"}
    scanned = _scan(tmp_path, loopback, files)
    references = index_references(scanned)
    assert [references["Dockerfile", line]["reason"] for line in (1, 2)] == ["unreachable"] * 2
    assert references["Dockerfile", 3]["new_digest"] == now
    (failed,) = scanned.report.failed
    assert (failed.subject, failed.stage) == ("127.0.0.1:9", "resolve")
    assert "/v2/a/manifests/1 did not answer" in failed.error
    assert references["Dockerfile", 1]["detail"] == failed.error
    assert references["Dockerfile", 2]["detail"].startswith("127.0.0.1:9 ")


def test_text_of_scan_and_summary_explain_unreachable_registry_once(tmp_path, loopback):
    loopback.entries = (RegistryEntry("docker.io", mirror="127.0.0.1:9", is_insecure=True),)
    report = _scan(tmp_path, loopback, {"Dockerfile": "FROM python:3.12\nFROM node:22\n"}).report
    text = render_scan_text(report, None)
    assert text.startswith(
        "Dockerfile\n    1  ? python:3.12  unresolved (unreachable)\n    2  ? node:22      unresolved (unreachable)\n\n"
    )
    assert "\nunreachable  " in text
    assert text.count("did not answer") == 1
    assert text.index("\n  docker.io (resolve): ") < text.index("did not answer")
    assert render_markdown_summary(report).count("did not answer") == 1
    assert render_scan_document(report).count("not contacted again") == 1
    assert "not contacted again" not in text + render_markdown_summary(report)


@pytest.mark.parametrize(
    ("rule", "reason"),
    [
        (PolicyRule(ignore=True), "ignored"),
        (PolicyRule(pin=False), "pin-off"),
        (PolicyRule(match=RuleMatch(role=Role.BASE), ignore=True), "ignored"),
    ],
)
def test_reference_that_a_rule_excludes_is_skipped_without_registry_requests(tmp_path, loopback, rule, reason):
    rulebook = PolicyConfig(own_globs=(), listed_hosts=frozenset({"docker.io"}), rules=(rule,))
    references = index_references(_scan(tmp_path, loopback, {"Dockerfile": "FROM python:3.12\n"}, rulebook=rulebook))
    assert references["Dockerfile", 1]["reason"] == reason
    assert loopback.registry.served_requests == ()


def test_too_large_file_is_reported_and_not_read(tmp_path, loopback):
    scanned = _scan(tmp_path, loopback, {"Dockerfile": b"#" * (MAX_FILE_BYTES + 1), "b/Dockerfile": "FROM scratch\n"})
    document = json.loads(render_scan_document(scanned.report))
    assert document["unsupported"] == [{"path": "Dockerfile", "line": 1, "text": "", "reason": "too-large"}]
    assert document["failed"] == []


def test_file_that_git_lfs_did_not_download_is_reported(tmp_path, loopback):
    """The image references are in the content, which the pointer only names."""
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:" + "0" * 64 + "\nsize 120\n"
    scanned = _scan(tmp_path, loopback, {"Dockerfile": pointer, "compose.yaml": pointer})
    document = json.loads(render_scan_document(scanned.report))
    assert [(each["path"], each["reason"]) for each in document["unsupported"]] == [
        ("Dockerfile", "unparsable"),
        ("compose.yaml", "unparsable"),
    ]


def test_text_of_scan_shows_updates_and_reasons_for_references_without_update(tmp_path, loopback):
    old, new = loopback.move("python", "3.12", "old"), loopback.move("python", "3.12", "now")
    files = {"Dockerfile": f"FROM python:3.12@{old}\nFROM python\nFROM $X\n"}
    text = render_scan_text(_scan(tmp_path, loopback, files).report, None)
    assert f"{old[7:19]} → {new[7:19]}" in text
    assert "    2  · python       skipped (no-tag)\n    3  ! $X           unresolved-argument\n" in text
    assert re.search(r"2 image references: 1 update, 1 skipped\. 1 .*\(`!`\)", text)
    assert "--write" in text


def test_text_of_scan_states_that_no_scanner_is_configured_or_installed(tmp_path, loopback):
    loopback.move("python", "3.12", "now")
    report = _scan(tmp_path, loopback, {"Dockerfile": "FROM python:3.12\n"}).report
    assert "\nNothing was scanned: no scanner is configured or installed." in render_scan_text(report, None)
    text = render_scan_text(replace(report, uses_default_scanner=True), None)
    assert "\nNothing was scanned: neither Trivy nor Grype is installed; hint: " in text
    nothing = _scan(tmp_path / "b", loopback, {"Dockerfile": "FROM scratch\n"}).report
    assert "scanned" not in render_scan_text(replace(nothing, uses_default_scanner=True), None)


def test_text_of_scan_explains_each_reason_once(tmp_path, loopback):
    text = render_scan_text(
        _scan(tmp_path, loopback, {"Dockerfile": "FROM python\nFROM golang\nFROM $X\n"}).report, None
    )
    assert (
        "\n\nno-tag               The image reference has no tag, and no rule sets a tag that applies to it."
        "\nunresolved-argument  The text depends on an argument or a variable that nothing in the repository sets.\n\n"
    ) in text


def test_text_of_scan_shows_yaml_anchor_and_its_aliases_on_one_line(tmp_path, loopback):
    pods = "- {name: a, image: &a python}\n- {name: b, image: *a}\n"
    files = {"pod.yaml": f"apiVersion: v1\nkind: Pod\nspec:\n  containers:\n  {pods.replace(chr(10), chr(10) + '  ')}"}
    text = render_scan_text(_scan(tmp_path, loopback, files).report, None)
    assert text.startswith("pod.yaml\n    5  · python  skipped (no-tag)  (2 references)\n\nsigns  · skipped\n")
    assert text.endswith("\n\n2 image references: 2 skipped.")


@pytest.mark.parametrize(("references", "notes"), [(3, 3), (4, 1)])
def test_text_of_scan_shows_note_shared_by_four_references_only_below_the_first(tmp_path, loopback, references, notes):
    dockerfile = "".join(f"FROM python:3.{number}\n" for number in range(references))
    files = {"Dockerfile": dockerfile, "renovate.json": '{"extends": ["config:recommended"]}'}
    lines = render_scan_text(_scan(tmp_path, loopback, files).report, None).splitlines()
    shown = [number for number, line in enumerate(lines) if "Renovate updates it because of renovate.json" in line]
    assert (len(shown), shown[0]) == (notes, 2)
    assert lines[2].endswith("  (4 references)") is (references == 4)


def test_text_of_scan_states_that_no_image_references_were_found(tmp_path, loopback):
    assert render_scan_text(_scan(tmp_path, loopback, {"a.txt": "a"}).report, None).startswith("No image references")


def test_run_continues_with_next_repository_if_proposals_cannot_be_planned(tmp_path, loopback, monkeypatch):
    loopback.move("python", "3.12", "now")
    stands = [LocalStand(tmp_path / name, {"Dockerfile": "FROM python:3.12\n"}) for name in ("first", "second")]
    fleets = [stand.fleet() for stand in stands]
    cramped = ForgeLimits(body_characters=600, title_characters=80)
    monkeypatch.setattr(type(stands[0].forge().forge), "limits", cramped)
    report = loopback.run(fleets)
    assert [failed.stage for failed in report.failed] == ["propose", "propose"]
    assert all("characters even if all its lists are empty" in failed.error for failed in report.failed)
    assert [repository.name for repository in report.repositories] == ["acme", "acme"]
    assert all(stand.requests() == [] for stand in stands)


def test_ignore_comment_applies_up_to_and_including_the_given_date(tmp_path, loopback):
    loopback.move("python", "3.12", "now")
    files = {
        "Dockerfile": "# basebump: ignore until=2026-11-25 ABC-12\nFROM python:3.12\n"
        "# basebump: ignore until=2026-11-24\nFROM python:3.12\nFROM python:3.12 # basebump: ignore\n",
        "pod.yaml": POD.format(image="python:3.12 # basebump: ignore"),
    }
    scanned = _scan(tmp_path, loopback, files)
    references = index_references(scanned)
    assert (references["Dockerfile", 2]["status"], references["Dockerfile", 2]["reason"]) == ("skipped", "ignored")
    assert references["Dockerfile", 4]["status"] == "update"
    (note,) = references["Dockerfile", 4]["notes"]
    assert re.match("The comment on line 3 .*2026-11-24", note)
    assert references["pod.yaml", 5]["reason"] == "ignored"
    text = render_scan_text(scanned.report, None)
    assert note in text
    assert re.search("The comment on line 1 .* 2026-11-25: ABC-12", text)


@pytest.mark.parametrize("words", ["until=2027-1-31", "until: 2027-01-31", "broken until=2027-01-31", "Until=soon"])
def test_ignore_comment_with_invalid_date_never_expires(tmp_path, loopback, words):
    text = render_scan_text(
        _scan(tmp_path, loopback, {"Dockerfile": f"# basebump: ignore {words}\nFROM python:3\n"}).report, None
    )
    assert f"until=2027-01-31: {words}" in text


def test_files_configured_for_a_format_are_read_by_that_format(tmp_path, loopback):
    loopback.move("python", "3.12", "now")
    tree = WorkTree(write_tree(tmp_path / "tree", {"build/base.docker": "FROM python:3.12\n", "other": "FROM a:1\n"}))
    world = replace(loopback.world(), formats=load_formats_with_globs({"dockerfile": ("build/*.docker",)}))
    scanned = scan_tree(tree, "tree", world, loopback.rulebook)
    assert [(path, reference["status"]) for (path, _), reference in index_references(scanned).items()] == [
        ("build/base.docker", "update")
    ]
    assert len(scanned.changes) == 1


def test_text_format_ignores_references_that_another_format_reads(tmp_path, loopback):
    """Otherwise, a reference that must not be written would be edited, and no edit of the file could be verified."""
    old, now = loopback.move("python", "3.12", "old"), loopback.move("python", "3.12", "now")
    pinned = f"python:3.12@{old}"
    marked = f'{POD.format(image=pinned)}  - image: {pinned} # {{"$imagepolicy": "a:b"}}\n  # {pinned}\n'
    tree = WorkTree(write_tree(tmp_path / "tree", {"pod.yaml": marked}))
    world = replace(loopback.world(), formats=load_formats_with_globs({"text": ("*.yaml",)}))
    scanned = scan_tree(tree, "tree", world, loopback.rulebook)
    found = json.loads(render_scan_document(scanned.report))["references"]
    assert [(reference["line"], reference["format"], reference["status"]) for reference in found] == [
        (5, "kubernetes", "update"),
        (6, "kubernetes", "skipped"),
        (7, "text", "update"),
    ]
    (change,) = scanned.changes
    assert (change.content.count(old.encode()), change.content.count(now.encode())) == (1, 2)


def test_each_entry_of_scan_json_is_on_one_line(tmp_path, loopback):
    scanned = _scan(tmp_path, loopback, {"Dockerfile": "FROM missing:1\nFROM missing:2\nFROM $X\n"})
    lines = render_scan_document(scanned.report).splitlines()
    entries = [json.loads(line.rstrip(",")) for line in lines if line.startswith("    {")]
    document = json.loads("\n".join(lines))
    assert entries == [*document["references"], *document["unsupported"], *document["failed"]]
    assert len(entries) == 3
