"""Lists of blocked images: files, downloads and artifacts, and what is said if one cannot be read."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from support.listener import HttpListener, HttpReply
from support.runs.worlds import build, write_tree

from bot.demo.images import PlatformImage, compute_digest

BAD, NEW = build("bad").digest, build("new").digest
LIST = f"schema: 1\nblocked:\n  - digest: {BAD}\n    reason: malware\n"
FILES = {"Dockerfile": f"FROM python:3.12@{BAD}\n", "other/Dockerfile": f"FROM redis:7@{NEW}\n"}


@pytest.fixture
def updated_registry(loopback):
    for content in ("bad", "new"):
        loopback.move("python", "3.12", content)
    loopback.move("redis", "7", "new")
    return loopback


@pytest.fixture
def scan(tmp_path, basebump):
    def go(config_file):
        folder = write_tree(tmp_path / "tree", FILES)
        code, out, _ = basebump("scan", folder, "-c", config_file, "--format", "json")
        document = json.loads(out)
        return code, {each["canonical"]: each for each in document["references"]}, document["failed"]

    return go


PYTHON, REDIS = "docker.io/library/python", "docker.io/library/redis"


def is_blocked(reference):
    return (reference["status"], reference["reason"], reference["new_digest"]) == ("blocked", "digest-blocked", NEW)


def test_digests_in_blocklist_file_or_downloaded_blocklist_are_blocked(updated_registry, scan, config, tmp_path):
    (tmp_path / "blocked.yaml").write_text(LIST, encoding="utf-8")
    code, references, _ = scan(config("blocked: [{path: blocked.yaml}]\n"))
    assert (code, is_blocked(references[PYTHON])) == (0, True)
    with HttpListener(lambda _: HttpReply(200, body=LIST.encode())) as server:
        code, references, failed = scan(config(f'blocked: [{{url: "http://{server.host}/list.yaml"}}]\n'))
    assert (code, is_blocked(references[PYTHON]), failed) == (0, True, [])
    assert references[REDIS]["status"] == "up-to-date"


def push_artifact(loopback, *blobs):
    layers = [{"mediaType": "text/yaml", "digest": compute_digest(each), "size": len(each)} for each in blobs]
    kind = "application/vnd.oci.image.manifest.v1+json"
    manifest = {"schemaVersion": 2, "mediaType": kind, "artifactType": "application/vnd.acme.blocked", "layers": layers}
    content = json.dumps(manifest).encode()
    return loopback.store.set_tag("acme/blocked", "latest", PlatformImage(content, kind, tuple(blobs)))


def test_digests_in_blocklist_from_oci_artifact_are_blocked(updated_registry, scan, config):
    digest = push_artifact(updated_registry, LIST.encode())
    for name in ("acme/blocked:latest", f"acme/blocked@{digest}"):
        code, references, failed = scan(config(f'blocked: [{{oci: "{name}"}}]\n'))
        assert (code, is_blocked(references[PYTHON]), failed) == (0, True, [])


@pytest.mark.parametrize(
    ("blobs", "says"),
    [
        ((), "must have exactly one layer, and has 0"),
        ((b"a", b"b"), "must have exactly one layer, and has 2"),
        ((b"schema: 1\nblocked: [{path: more.yaml}]\n",), "blocked[0].path: is not a key"),
        ((b"schema: 1\nblocked: [{digest: sha256:1, reason: x}]\n",), "blocked[0].digest: is not a digest"),
        ((b"schema: 1\n",), "blocked: is required"),
        ((b"[" * 100_000,), "is not valid"),
    ],
)
def test_invalid_blocklist_artifact_is_a_failure_and_prevents_updates(updated_registry, scan, config, blobs, says):
    push_artifact(updated_registry, *blobs)
    code, references, failed = scan(config('blocked: [{oci: "acme/blocked:latest"}]\n'))
    assert code == 1
    assert {each["reason"] for each in references.values()} == {"lists-unread"}
    (failure,) = failed
    assert failure["subject"] == "blocked[0]"
    assert says in failure["error"]


def test_scan_reports_blocked_digest_even_if_another_blocklist_cannot_be_read(updated_registry, scan, config):
    with HttpListener(lambda _: HttpReply(503)) as server:
        url = f"http://{server.host}/list.yaml"
        code, references, failed = scan(config(f'blocked: [{{digest: "{BAD}", reason: malware}}, {{url: "{url}"}}]\n'))
    assert (code, failed[0]["subject"]) == (1, "blocked[1]")
    assert (references[PYTHON]["status"], references[PYTHON]["new_digest"]) == ("blocked", None)
    assert references[REDIS]["status"] == "unresolved"


def test_blocklist_artifact_in_unlisted_registry_is_not_fetched(updated_registry, scan, config):
    code, _, failed = scan(config('blocked: [{oci: "registry.example.com/sec/blocked:1"}]\n'))
    assert code == 1
    assert "neither a well-known registry nor listed" in failed[0]["error"]


@pytest.mark.parametrize(("arguments", "remedy"), [((), "--write moves it to"), (("--offline",), None)])
def test_check_reports_blocked_digests_even_in_ignored_references(updated_registry, check, config, arguments, remedy):
    files = {**FILES, "kept/Dockerfile": f"# basebump: ignore\nFROM python:3.12@{BAD}\n"}
    path = config(f'blocked: [{{digest: "{BAD}", reason: malware, link: "https://sec.example.com/42"}}]\n')
    code, document = check(files, "-c", path, *arguments)
    assert code == 4
    findings = {each["path"]: each for each in document["findings"]}
    assert set(findings) == {"Dockerfile", "kept/Dockerfile"}
    assert {each["finding"] for each in findings.values()} == {"blocked"}
    message = findings["Dockerfile"]["message"]
    assert message.startswith(f"python:3.12@{BAD[7:19]} is blocked: malware (https://sec.example.com/42)")
    assert remedy is None or remedy in message


def test_offline_scan_reports_blocked_digest_in_manifest_whose_image_kustomization_replaces(basebump, config, tmp_path):
    manifest = f"apiVersion: v1\nkind: Pod\nspec:\n  containers:\n  - image: python:3.12@{BAD}\n"
    kustomization = "resources: [pod.yaml]\nimages: [{name: python, newName: quay.io/acme/python}]\n"
    write_tree(tmp_path / "tree", {"pod.yaml": manifest, "kustomization.yaml": kustomization})
    path = config(f'blocked: [{{digest: "{BAD}", reason: malware}}]\n')
    _, out, _ = basebump("scan", tmp_path / "tree", "--offline", "-c", path, "--format", "json")
    statuses = {each["path"]: each["status"] for each in json.loads(out)["references"]}
    assert statuses["pod.yaml"] == "blocked"


def test_doctor_checks_if_blocklists_can_be_read(updated_registry, basebump, config, tmp_path):
    push_artifact(updated_registry, LIST.encode())
    (tmp_path / "forge").mkdir()
    path = config(
        'forges: [{kind: local, url: forge}]\nblocked: [{oci: "acme/blocked:latest"}, {oci: "acme/missing:latest"}]\n'
    )
    _, out, _ = basebump("doctor", "-c", path, "--format", "json")
    checks = [each for each in json.loads(out)["checks"] if each["area"] == "blocked"]
    by_subject = {each["subject"]: each for each in checks}
    readable, missing = (by_subject[f"acme/{name}:latest"] for name in ("blocked", "missing"))
    assert (readable["mark"], readable["found"]) == ("ok", "it has 1 entry")
    assert missing["mark"] == "problem"
    assert "nothing is proposed" in missing["found"]


def test_text_of_scan_shows_reason_for_blocked_digest_before_the_new_digest(
    updated_registry, basebump, config, tmp_path
):
    folder = write_tree(tmp_path / "tree", FILES)
    path = config(f'blocked: [{{digest: "{BAD}", reason: malware}}]\n')
    _, out, _ = basebump("scan", folder, "-c", path)
    assert f"⊘ python:3.12  blocked: malware; {BAD[7:19]} → {NEW[7:19]}" in out
    assert Path(path).exists()
