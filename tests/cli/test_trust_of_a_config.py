"""Entries of `trust` in a config, and the resulting decisions about images."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from support.parts import ROOT
from support.runs.worlds import build
from support.signing.attached import BUNDLE, attachment, bundle, dump, referrers_index, trusted
from support.signing.notation import COSE, party, payload, signed

from bot.verifiers.notation import SIGNATURE_TYPE

KEY = ec.generate_private_key(ec.SECP256R1())
AUTHORITY = party("Root", is_authority=True)
SIGNER = party("Images", AUTHORITY)
OLD, NEW = build("old"), build("new")


@pytest.fixture
def scan_folder(tmp_path, loopback, config, basebump):
    """Scan a folder that pins the old image, while the tag points to the new image.

    Return the status and the reason of the reference.
    """
    for content in ("old", "new"):
        loopback.move("python", "3.12", content)
    (tmp_path / "team.pub").write_bytes(trusted(KEY).pem)
    (tmp_path / "root.pem").write_bytes(AUTHORITY.pem)
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "Dockerfile").write_text(f"FROM python:3.12@{OLD.digest}\n")

    def scan(trust: str) -> tuple[str, str | None]:
        path = config(f"trust: [{trust}]\npolicy: [{{require: {{signature: true}}}}]\n")
        code, out, _ = basebump("scan", folder, "--config", path, "--format", "json")
        assert code == 0
        (found,) = json.loads(out)["references"]
        return found["status"], found["reason"]

    return scan


def attach(loopback, made) -> None:
    loopback.store.set_tag("library/python", NEW.digest.replace(":", "-"), referrers_index([made], kind=None))


def test_update_is_refused_unless_signed_with_the_configured_key(loopback, scan_folder):
    trust = "{image: docker.io/library/python, keys: [team.pub]}"
    assert scan_folder(trust) == ("refused", "unsigned")
    attach(loopback, attachment(NEW, BUNDLE, dump(bundle(KEY, NEW.digest))))
    assert scan_folder(trust) == ("update", None)
    assert scan_folder("{image: docker.io/library/redis, keys: [team.pub]}") == ("refused", "unsigned")


def test_update_is_refused_unless_the_configured_authority_certifies_the_signer(loopback, scan_folder):
    trust = "{image: docker.io/library/python, notation: {certificates: [root.pem], subjects: [%s]}}"
    envelope = signed(COSE, payload(NEW.digest), (SIGNER, AUTHORITY))
    attach(loopback, attachment(NEW, COSE, envelope, kind_of_artifact=SIGNATURE_TYPE))
    assert scan_folder(trust % '"O=Acme,CN=Images"') == ("update", None)
    assert scan_folder(trust % '"O=Other"') == ("refused", "signature-failed")


def test_invalid_trusted_root_is_wrong_usage(tmp_path, config, basebump):
    (tmp_path / "root.json").write_text("{}")
    identity = "{issuer: 'https://issuer.example', identity: '*@example.com'}"
    path = config(f"trust: [{{image: '**', keyless: [{identity}], trusted_root: root.json}}]\n")
    code, _, err = basebump("scan", tmp_path, "--config", path)
    assert code == 2
    assert "root.json " in err


def test_signature_libraries_are_not_imported_if_config_has_no_trust_section():
    code = (
        "import sys; from bot.wiring import build_scan_context; from bot.cli.terminal import NoProgress\n"
        "build_scan_context(None, offline=False, progress=NoProgress())\n"
        "sys.exit(any(each in sys.modules for each in ('cbor2', 'sigstore', 'bot.verifiers.cosign')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False, cwd=ROOT).returncode == 0
