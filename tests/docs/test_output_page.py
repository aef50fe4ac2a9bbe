"""The page of what the commands print has the keys of the documents."""

from __future__ import annotations

import json
import re
from dataclasses import replace

from support.parts import ROOT
from support.values import finding, scan

from bot.cli.check import CHECK_FORMATS
from bot.cli.outputs import FORMATS
from bot.core.evidence.compare import compare_scans
from bot.core.evidence.exposure import build_exposure
from bot.formats._syntax.reference_positions import ReferencePosition
from bot.model.check import CheckedReference, CheckReport, Violation
from bot.model.comparison import ComparedImage, Comparison
from bot.model.contents import ImageConfig, ImageContents, InstalledPackage, TransitionContents
from bot.model.decision import Transition
from bot.model.evidence import Severity
from bot.model.image import ImageFacts, ManifestKind
from bot.model.image_name import Digest, ImageName, TagRef
from bot.model.proposal import ProposedImage
from bot.model.report import ProposalReport, RepositoryReport, RunFailure, RunReport, Verdict
from bot.model.signature import SignatureScheme, Signer, VerifiedSignature
from bot.model.source import FilePath, UnsupportedText
from bot.model.vocabulary import FailureStage, ProposalOutcome, Reason, ReferenceStatus, Role, RunLevel, ViolationKind
from bot.reports.check.check_document import render_check_document
from bot.reports.compare.comparison_document import render_comparison_document
from bot.reports.image import render_image_document
from bot.reports.run.decisions import render_decisions
from bot.reports.run.report_document import render_run_document, render_scan_document
from bot.reports.run.report_sarif import LEVELS

PAGE = (ROOT / "docs" / "output.md").read_text(encoding="utf-8")
DIGEST = Digest("sha256:" + "a" * 64)


def list_keys(heading):
    section = re.split(r"^#+ ", PAGE.partition(f"{heading}\n")[2], maxsplit=1, flags=re.MULTILINE)[0]
    return re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)


def build_report():
    path = FilePath("Dockerfile")
    position = ReferencePosition(path, "dockerfile", Role.BASE, 1, "stage[0]")
    reference = replace(position.read_reference("node:22", 5), notes=("a note",), owners=("@acme/web",))
    moved = Transition(TagRef("docker.io/library/node", "22"), None, DIGEST, ("linux/amd64",), "24")
    image = ProposedImage("node:22", "docker.io/library/node", "24", None, DIGEST)
    proposal = ProposalReport("basebump/node-22", ProposalOutcome.OPENED, "Pin node", (image,), (path,))
    unsupported = UnsupportedText(path, 2, "$X", Reason.UNRESOLVED_ARGUMENT, notes=("a note",))
    verdicts = (
        Verdict(
            reference,
            ReferenceStatus.UPDATE,
            None,
            "a sentence",
            new_digest=DIGEST,
            transition=moved,
            successor="24",
            in_use=moved,
        ),
    )
    repository = RepositoryReport("local", "web", "main", verdicts, (unsupported,), (proposal,))
    found = compare_scans(None, scan(finding("CVE-1", Severity.CRITICAL)))
    return RunReport(
        RunLevel.PROPOSE,
        (repository,),
        {moved: found},
        (RunFailure("docker.io", FailureStage.RESOLVE, "no answer"),),
        exposures={moved: build_exposure(found)},
    )


def test_output_page_lists_the_json_keys_of_scan_output():
    document = json.loads(render_scan_document(build_report()))
    assert list(document) == list_keys("## `scan`")
    assert list(document["references"][0]) == list_keys("### A reference")
    assert list(document["references"][0]["evidence"]) == list_keys("### The effect of an update")
    exposure = document["references"][0]["exposure"]
    assert list(exposure) == list_keys("### The exposure of an image")
    assert f"`{{{', '.join(exposure['findings'][0])}}}`" in PAGE
    assert list(document["unsupported"][0]) == list_keys("### An unsupported value")
    assert list(document["failed"][0]) == list_keys("### A failure")


def test_output_page_lists_the_json_keys_of_run_output():
    document = json.loads(render_run_document(build_report()))
    assert list(document) == list_keys("## `run`")
    (repository,) = document["repositories"]
    assert list(repository) == list_keys("### A repository")
    (proposal,) = repository["proposals"]
    assert list(proposal) == list_keys("### A proposal")
    *always, evidence = proposal["images"][0]
    assert evidence == "evidence"
    assert f"`{{{', '.join(always)}}}`" in PAGE


def test_output_page_lists_the_json_keys_of_check_output():
    reference = build_report().repositories[0].verdicts[0]
    checked = CheckedReference(reference, (Violation(ViolationKind.UNPINNED, "a sentence"),), ("a note",))
    document = json.loads(render_check_document(CheckReport(".", is_offline=False, since=None, references=(checked,))))
    assert list(document) == list_keys("## `check`")
    assert list(document["findings"][0]) == list_keys("### A finding of a check")
    assert f"`{{{', '.join(document['notes'][0])}}}`" in PAGE
    counts = re.search(r"^\| `counts` \| `\{(.*?)\}`:", PAGE, re.MULTILINE)[1]
    assert counts.split(", ") == list(document["counts"])
    words = re.search(r"^\| `finding` \| (.*?):", PAGE, re.MULTILINE)[1]
    assert re.findall(r"`([\w-]+)`", words) == [fault.value for fault in ViolationKind]
    assert ["text", "json", *list_keys("### A check in other formats")] == list(CHECK_FORMATS)


def test_output_page_lists_every_format_and_jsonl_kind_and_sarif_level():
    assert sorted(list_keys("## Several outputs of one run")) == sorted(FORMATS)
    lines = [json.loads(line) for line in render_decisions(build_report()).splitlines()]
    assert [line["kind"] for line in lines] == list_keys("### As JSON lines")
    levels = dict(re.findall(r"^\| `([\w-]+)` \| `(\w+)` \|$", PAGE, re.MULTILINE))
    assert levels == {status.value: level for status, level in LEVELS.items()}


def test_output_page_lists_the_json_keys_of_resolve_output():
    facts = ImageFacts(DIGEST, ManifestKind.INDEX, ("linux/amd64",), None, None, None, None, None)
    document = json.loads(render_image_document(ImageName.parse("node:22"), facts))
    assert list(document) == list_keys("## `resolve`")


def test_output_page_lists_the_json_keys_of_compare_output():
    facts = ImageFacts(DIGEST, ManifestKind.INDEX, ("linux/amd64",), None, None, None, None, None)
    old, new = scan(finding("CVE-1"), packages=(InstalledPackage("debian", "tar", "1"),)), scan(packages=())
    signed = VerifiedSignature(Signer(SignatureScheme.COSIGN_KEY, "team.pub"))
    images = [ComparedImage(ImageName.parse("node:22"), facts, each, signature=signed) for each in (old, new)]
    inside = [ImageContents(DIGEST, ImageConfig(user), 1) for user in ("app", "root")]
    evidence = replace(compare_scans(old, new), contents=TransitionContents(*inside))
    document = json.loads(render_comparison_document(Comparison(*images, "linux/amd64", evidence)))
    assert list(document) == list_keys("## `compare`")
    assert list(document["old"]) == list_keys("### A compared image")
    assert list(document["contents"]) == list_keys("### Contents of both images")
    assert list(document["fixed"][0]) == list_keys("### A finding")
    shapes = [document[key] for key in ("scanner", "lists")] + [document["old"][key] for key in ("counts", "signature")]
    for value in (*shapes, document["packages"][0], document["contents"]["aspects"][0]):
        assert f"`{{{', '.join(value)}}}`" in PAGE
