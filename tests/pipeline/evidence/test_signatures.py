"""Runs that verify signatures: refused updates, the proposals, and the number of requests."""

from __future__ import annotations

from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from support.forges.stands import LocalStand
from support.runs.worlds import build, list_outcomes
from support.signing.attached import BUNDLE, attachment, bundle, dump, referrers_index, trusted

from bot.model.policy import PolicyRule, RequiredEvidence
from bot.model.trust import TrustEntry
from bot.reports.run.report_text import render_run_text

pytestmark = pytest.mark.real("git")

KEY, STRANGER = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
OLD, NEW = build("old"), build("new")


def sign(loopback, item, *keys, about=None):
    """Attach signature bundles to an image of `python`. Each bundle signs this image, or another one."""
    made = [attachment(item, BUNDLE, dump(bundle(key, (about or item).digest))) for key in keys]
    loopback.store.set_tag("library/python", item.digest.replace(":", "-"), referrers_index(made))


@pytest.fixture
def signed_registry(loopback):
    """Return a registry whose old image is signed, and a policy that trusts the signer."""
    for content in ("old", "new"):
        loopback.move("python", "3.12", content)
    sign(loopback, OLD, KEY)
    trust = TrustEntry(("docker.io/library/python",), (trusted(KEY),))
    loopback.rulebook = replace(loopback.rulebook, trust=(trust,))
    return loopback


@pytest.fixture
def stand(tmp_path):
    return LocalStand(tmp_path, {"Dockerfile": f"FROM python:3.12@{OLD.digest}\n"})


def get_verdict(report) -> tuple[str, str | None]:
    (found,) = report.repositories[0].verdicts
    return found.status, found.reason


def test_unsigned_successor_of_signed_image_is_refused_until_signed(signed_registry, stand):
    report = signed_registry.run([stand.fleet()])
    assert get_verdict(report) == ("refused", "unsigned")
    assert list_outcomes(report) == ["refused"]
    sign(signed_registry, NEW, KEY)
    assert list_outcomes(signed_registry.run([stand.fleet()])) == ["opened"]


def test_changed_signer_is_refused_until_listed_as_trusted(signed_registry, stand):
    sign(signed_registry, NEW, STRANGER)
    assert get_verdict(signed_registry.run([stand.fleet()])) == ("refused", "signer-changed")
    (trust,) = signed_registry.rulebook.trust
    listed = replace(trust, keys=(*trust.keys, trusted(STRANGER, "next.pub")))
    signed_registry.rulebook = replace(signed_registry.rulebook, trust=(listed,))
    assert list_outcomes(signed_registry.run([stand.fleet()])) == ["opened"]


def test_signature_copied_from_the_old_image_is_refused_for_the_new_image(signed_registry, stand):
    sign(signed_registry, NEW, KEY, about=OLD)
    assert get_verdict(signed_registry.run([stand.fleet()])) == ("refused", "signature-failed")


def test_open_proposal_is_closed_if_signature_of_the_image_is_deleted(signed_registry, stand):
    sign(signed_registry, NEW, KEY)
    assert list_outcomes(signed_registry.run([stand.fleet()])) == ["opened"]
    signed_registry.store.remove(
        "library/python", signed_registry.store.list_tags("library/python")[NEW.digest.replace(":", "-")]
    )
    report = signed_registry.run([stand.fleet()])
    assert list_outcomes(report) == ["closed"]
    assert get_verdict(report) == ("refused", "unsigned")


def test_open_proposal_is_unchanged_when_signature_cannot_be_looked_up(signed_registry, stand):
    sign(signed_registry, NEW, KEY)
    assert list_outcomes(signed_registry.run([stand.fleet()])) == ["opened"]
    whole = attachment(NEW, BUNDLE, dump(bundle(KEY, NEW.digest)))
    listed = referrers_index([replace(whole, blobs=())])
    signed_registry.store.set_tag("library/python", NEW.digest.replace(":", "-"), listed)
    report = signed_registry.run([stand.fleet()])
    assert get_verdict(report) == ("unresolved", "not-found-or-denied")
    assert list_outcomes(report) == ["left-alone"]


def test_rule_can_require_signature_although_old_image_is_unsigned(loopback, stand):
    for content in ("old", "new"):
        loopback.move("python", "3.12", content)
    loopback.rulebook = replace(loopback.rulebook, rules=(PolicyRule(require=RequiredEvidence(signature=True)),))
    assert get_verdict(loopback.run([stand.fleet()])) == ("refused", "unsigned")


def test_config_file_in_repository_can_require_signatures(signed_registry, tmp_path):
    unsigned = build("an old one without a signature")
    files = {
        "Dockerfile": f"FROM python:3.12@{signed_registry.store.put('library/python', unsigned)}\n",
        ".basebump.yaml": "schema: 1\npolicy: [{require: {signature: true}}]\n",
    }
    assert get_verdict(signed_registry.run([LocalStand(tmp_path / "strict", files).fleet()])) == ("refused", "unsigned")
    del files[".basebump.yaml"]
    assert list_outcomes(signed_registry.run([LocalStand(tmp_path / "lax", files).fleet()])) == ["opened"]


def test_signatures_are_not_looked_up_without_trusted_signers(loopback, stand):
    for content in ("old", "new"):
        loopback.move("python", "3.12", content)
    assert list_outcomes(loopback.run([stand.fleet()])) == ["opened"]
    asked = [request.path for request in loopback.registry.served_requests]
    assert not any("referrers" in path or ".sig" in path or "sha256-" in path for path in asked)


def test_each_image_with_trust_entry_is_verified_once_and_no_other_image(signed_registry, tmp_path):
    signed_registry.move("redis", "7", "redis")
    sign(signed_registry, NEW, KEY)
    files = {f"{number}/Dockerfile": f"FROM python:3.12@{OLD.digest}\nFROM redis:7\n" for number in range(3)}
    signed_registry.run([LocalStand(tmp_path / "several", files).fleet()])
    asked = [request.path for request in signed_registry.registry.served_requests if "sha256-" in request.path]
    assert not any("redis" in path for path in asked)
    assert len(asked) == len(set(asked)) == 4


# ---- what people see of it ----------------------------------------------------------------------------------------


def test_proposal_and_report_name_the_signer(signed_registry, stand):
    sign(signed_registry, NEW, KEY)
    report = signed_registry.run([stand.fleet()])
    (proposal,) = report.repositories[0].proposals
    assert "`team.pub (sha256 " in proposal.body
    assert " signed by team.pub (sha256 " in render_run_text(report)
    assert render_run_text(report).count(", as before\n") == 1


def test_pull_request_body_is_updated_only_if_the_signer_changes(signed_registry, stand):
    sign(signed_registry, NEW, KEY)
    assert list_outcomes(signed_registry.run([stand.fleet()])) == ["opened"]
    assert list_outcomes(signed_registry.run([stand.fleet()])) == ["unchanged"]
    (trust,) = signed_registry.rulebook.trust
    signed_registry.rulebook = replace(
        signed_registry.rulebook, trust=(replace(trust, keys=(trusted(KEY, "renamed.pub"),)),)
    )
    report = signed_registry.run([stand.fleet()])
    assert list_outcomes(report) == ["refreshed"]
    assert "| Signed by | verified: `renamed.pub (sha256 " in report.repositories[0].proposals[0].body
    assert list_outcomes(signed_registry.run([stand.fleet()])) == ["unchanged"]
