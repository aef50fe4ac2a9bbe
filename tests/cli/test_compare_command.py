"""`basebump compare` on the command line."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from markdown_it import MarkdownIt
from support.runs.worlds import LoopbackHub, build
from support.scanners.advisories import kev, statement, vex
from support.scanners.grype import GrypeStand, match, report
from support.signing.attached import BUNDLE, attachment, bundle, dump, referrers_index, trusted
from support.values import digest

from bot.core.transition import shorten_digest
from bot.demo.demo_images import DATABASE, build_demo_images
from bot.demo.loopback_registry import LoopbackRegistry

PYTHON = "python:3.12-slim"


@pytest.fixture
def stand(tmp_path, monkeypatch):
    """Install a Grype that finds two vulnerabilities in the old image, and one of them in the new image."""
    folder = tmp_path / "programs"
    folder.mkdir()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    stand = GrypeStand(folder)
    built = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=3)
    found = {
        "old": report(match("CVE-2026-0001"), match("CVE-2026-0002"), built=built),
        "new": report(match("CVE-2026-0002"), match("CVE-2026-0003", package="tar"), built=built),
    }
    reports = {build(content).digest: said for content, said in found.items()}
    stand.scene |= {"built": f"{built:%Y-%m-%dT%H:%M:%SZ}", "reports": reports}
    (stand.folder / "scene.json").write_text(json.dumps(stand.scene))
    return stand


@pytest.fixture
def compare(basebump, config, loopback, stand):
    """Compare the old image of a tag with its current image, or the images that a test names."""
    old, _ = (loopback.move("python", "3.12-slim", content) for content in ("old", "new"))

    def go(*arguments: str, named=(f"{PYTHON}@{old}", PYTHON), more: str | None = None):
        grype = f"scanners: [{{kind: grype, binary: {stand.program}}}]\n"
        path = config(grype if more is None else more)
        return basebump("compare", *named, "--config", path, *arguments)

    return go


def test_text_of_compare_shows_both_images_and_fixed_and_added_findings(compare):
    code, out, err = compare()
    old, new = build("old").digest, build("new").digest
    assert (code, err) == (0, "")
    assert f"old  {PYTHON}@{old}\n     digest       {old}\n     platforms    linux/amd64, linux/arm64\n" in out
    assert f"new  {PYTHON}\n     digest       {new}\n" in out
    assert "The update fixes 1 (1 high), adds 1 (1 high), 1 remains.\n" in out
    assert "high           2      2      1\n" in out
    assert "\n  high      CVE-2026-0001  bash     5.2-1      5.3-1     made for tests\n" in out
    assert (
        "Added: 1\n  severity  identifier     package  installed  fixed in  title\n  high      CVE-2026-0003  tar "
        in out
    )
    assert "linux/amd64 by grype 0.121.2 " in out


def test_compare_command_scans_both_images_with_the_same_database(compare, stand):
    compare()
    calls = [call["arguments"][0] for call in stand.calls()]
    assert sum("@sha256:" in each for each in calls) == 2
    assert calls.count("version") == 1


def test_json_of_compare_lists_fixed_introduced_and_remaining_findings(compare):
    document = json.loads(compare("--format", "json")[1])
    assert (document["schema"], document["failed"]) == (1, [])
    assert [document[side]["digest"] for side in ("old", "new")] == [build("old").digest, build("new").digest]
    assert document["old"]["counts"] == {"critical": 0, "high": 2, "medium": 0, "low": 0, "unknown": 0}
    assert [document["new"][key] for key in ("state", "os", "platform")] == ["scanned", "debian 12", "linux/amd64"]
    found = {key: [each["id"] for each in document[key]] for key in ("fixed", "introduced", "remaining")}
    assert found == {"fixed": ["CVE-2026-0001"], "introduced": ["CVE-2026-0003"], "remaining": ["CVE-2026-0002"]}
    assert document["scanner"]["name"] == "grype"


def test_compare_command_without_scanner_shows_no_counts_and_says_not_scanned(compare):
    code, out, _ = compare("--format", "json", more="scanners: [{kind: none}]\n")
    document = json.loads(out)
    assert code == 0
    assert [document[side]["state"] for side in ("old", "new")] == ["no-scanner", "no-scanner"]
    assert [document[side]["counts"] for side in ("old", "new")] == [None, None]
    assert [document[key] for key in ("fixed", "introduced", "remaining", "scanner")] == [None] * 4
    text = compare(more="scanners: [{kind: none}]\n")[1]
    assert "not known" in text
    assert text.count("not scanned  ") == 2


def test_compare_command_exits_with_1_if_scan_fails_and_counts_the_other_image(compare, stand):
    stand.scene["reports"].pop(build("old").digest)
    stand.scene["complaint"] = "out of memory"
    (stand.folder / "scene.json").write_text(json.dumps(stand.scene))
    code, out, _ = compare("--format", "json")
    document = json.loads(out)
    assert code == 1
    assert [failed["stage"] for failed in document["failed"]] == ["assess"]
    assert (document["old"]["state"], document["old"]["counts"]) == ("failed", None)
    assert document["new"]["counts"]["high"] == 2
    assert document["fixed"] is None


def test_compare_command_accepts_images_of_two_repositories(compare, loopback, stand):
    stand.scene["reports"][loopback.move("debian", "12", "base")] = report(
        match("CVE-2026-0001"), built=datetime.fromisoformat(stand.scene["built"])
    )
    (stand.folder / "scene.json").write_text(json.dumps(stand.scene))
    code, out, _ = compare("--format", "json", named=(PYTHON, "debian:12"))
    document = json.loads(out)
    assert code == 0
    assert document["new"]["canonical"] == "docker.io/library/debian"
    assert [each["id"] for each in document["introduced"]] == ["CVE-2026-0001"]


def test_comparing_an_image_with_itself_shows_no_changes(compare):
    document = json.loads(compare("--format", "json", named=(PYTHON, PYTHON))[1])
    assert (document["fixed"], document["introduced"]) == ([], [])
    assert len(document["remaining"]) == 2
    assert "the same image" in compare(named=(PYTHON, PYTHON))[1]
    assert "the same image" in compare("--format", "markdown", named=(PYTHON, PYTHON))[1]


def test_compare_command_scans_the_requested_platform(compare, stand):
    compare("--platform", "linux/arm64")
    scans = [call["arguments"] for call in stand.calls() if "@sha256:" in call["arguments"][0]]
    assert all("linux/arm64" in arguments for arguments in scans)


@pytest.mark.parametrize(
    ("named", "said"),
    [
        (("UPPER", PYTHON), "UPPER"),
        (
            (PYTHON, "registry.acme.dev/web:1"),
            "cannot contact 'registry.acme.dev': it is neither a well-known registry",
        ),
        ((PYTHON, PYTHON, "--platform", "arm64"), "'arm64' is not a platform"),
        (
            (PYTHON, PYTHON, "--platform", "linux/s390x"),
            "neither image has the platform 'linux/s390x'\nhint: use one of linux/amd64, linux/arm64\n",
        ),
    ],
    ids=["reference", "registry", "platform", "missing-platform"],
)
def test_compare_command_refuses_invalid_image_registry_or_platform(compare, named, said):
    code, out, err = compare(named=named)
    assert (code, out) == (2, "")
    assert said in err


def test_missing_image_is_a_failure_of_compare(compare):
    code, out, err = compare(named=(f"{PYTHON}@{digest('nowhere')}", PYTHON))
    assert (code, out) == (1, "")
    assert "a credential" in err


def test_markdown_of_compare_has_four_tables_and_links_to_vulnerabilities(compare):
    out = compare("--format", "markdown")[1]
    old, new = (shorten_digest(build(content).digest) for content in ("old", "new"))
    assert out.startswith(f"**From `{PYTHON}` (`{old}`) to `{PYTHON}` (`{new}`): fixes 1 known vulnerability (1 high) ")
    tables = [token.type for token in MarkdownIt("gfm-like", {"linkify": False}).parse(out)].count("table_open")
    assert tables == 4
    assert "[`CVE-2026-0003`](https://nvd.nist.gov/vuln/detail/CVE-2026-0003)" in out


def test_compare_command_shows_signers_of_images_with_a_trust_entry(compare, loopback, tmp_path, stand):
    key = ec.generate_private_key(ec.SECP256R1())
    (tmp_path / "team.pub").write_bytes(trusted(key).pem)
    new = build("new")
    made = attachment(new, BUNDLE, dump(bundle(key, new.digest)))
    loopback.store.set_tag("library/python", new.digest.replace(":", "-"), referrers_index([made], kind=None))
    more = f"scanners: [{{kind: grype, binary: {stand.program}}}]\ntrust: [{{image: '**', keys: [team.pub]}}]\n"
    document = json.loads(compare("--format", "json", more=more)[1])
    assert document["old"]["signature"]["state"] == "unsigned"
    assert document["new"]["signature"]["state"] == "signed"
    assert document["new"]["signature"]["detail"].startswith("signed by team.pub")
    assert "signature    " in compare(more=more)[1]
    assert "| New signature | signed by `team.pub" in compare("--format", "markdown", more=more)[1]


def test_compare_command_uses_the_installed_scanner_if_the_config_has_none(compare, stand, monkeypatch):
    monkeypatch.setattr("bot.scanners.trivy.find_trivy", lambda *_: None)
    monkeypatch.setattr("bot.scanners.grype.find_grype", lambda explicit: str(stand.program))
    assert "The update fixes 1 (1 high), adds 1 (1 high), 1 remains." in compare(more="")[1]


def test_compare_command_applies_advisory_lists_and_vex_documents_of_the_config(compare, stand, tmp_path):
    (tmp_path / "kev.json").write_bytes(kev("CVE-2026-0001"))
    product = "pkg:oci/python?repository_url=docker.io/library/python"
    (tmp_path / "vex.json").write_bytes(vex(statement("CVE-2026-0003", product, "pkg:deb/debian/tar")))
    more = (
        f"scanners: [{{kind: grype, binary: {stand.program}}}]\n"
        "enrichment: {kev: kev.json, vex: [{path: vex.json, authors: ['Acme *']}]}\n"
    )
    code, out, _ = compare(more=more)
    assert code == 0
    assert "The update fixes 1 (1 high, 1 exploited), adds none, 1 remains." in out
    assert "\n  high      CVE-2026-0003  tar " in out.partition("Suppressed: 1 (not counted above)\n")[2]
    (tmp_path / "kev.json").unlink()
    code, out, _ = compare("--format", "json", more=more)
    document = json.loads(out)
    assert (code, document["fixed"][0]["exploited"]) == (1, None)
    assert [failed["subject"] for failed in document["failed"]] == ["enrichment.kev"]


@pytest.mark.real("trivy")
def test_compare_command_with_real_trivy_shows_fixes_of_a_rebuilt_image(basebump, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    library = build_demo_images(datetime.now(UTC))
    with LoopbackRegistry(library.store) as registry:
        hub = LoopbackHub(registry, library.store).hub()
        path = tmp_path / "basebump.yaml"
        path.write_text(
            "schema: 1\nregistries:\n"
            f"  - {{host: docker.io, mirror: '{hub.mirror}', insecure: true}}\n"
            f"  - {{host: '{registry.host}', insecure: true}}\n"
            f"scanners: [{{kind: auto, database: '{registry.host}/{DATABASE[0]}:{DATABASE[1]}'}}]\n"
        )
        named = (f"{PYTHON}@{library.python.last_month}", PYTHON)
        code, out, err = basebump("compare", *named, "--config", path)
    assert (code, err) == (0, ""), out
    assert "The update fixes 3 (1 critical), adds none, 1 remains." in out
    assert "by trivy" in out
