"""`basebump check` with registries: images that are gone, violate a rule, or are too old."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from support.runs.checks import PINNED, list_findings
from support.runs.worlds import build
from support.scanners.grype import GrypeStand, report
from support.signing.attached import BUNDLE, attachment, bundle, dump, referrers_index, trusted

from bot.demo.images import DemoPackage, build_debian_root, build_image, build_index, build_layer

# ---- gone, and out of policy -------------------------------------------------------------------------------------


def test_check_reports_missing_digest_and_names_the_new_digest(check, config, loopback):
    now = loopback.move("python", "3.12", "now")
    code, document = check({"Dockerfile": PINNED}, "--config", config())
    (finding,) = document["findings"]
    assert (code, finding["finding"], finding["new_digest"]) == (4, "gone", now)
    assert f"--write moves it to {now[7:19]}" in finding["message"]


def test_check_reports_missing_digest_even_if_the_update_is_refused(check, config, loopback):
    loopback.move("python", "3.12", "now")
    path = config("policy: [{require: {scan: true}}]\n")
    code, document = check({"Dockerfile": PINNED}, "--config", path)
    assert (code, list_findings(document)) == (4, [("Dockerfile", 1, "gone")])
    assert "is refused (not-scanned)" in document["findings"][0]["message"]


def test_check_does_not_report_outdated_image(check, config, loopback):
    old, _ = (loopback.move("python", "3.12", content) for content in ("old", "now"))
    code, document = check({"Dockerfile": f"FROM python:3.12@{old}\n"}, "--config", config())
    assert (code, document["references"][0]["status"]) == (0, "update")


@pytest.mark.parametrize("tags", [("now",), ("old", "now")], ids=["up-to-date", "moved"])
def test_check_reports_end_of_life_tag_even_if_the_tag_has_updates(check, config, loopback, tmp_path, tags):
    held, *_ = [loopback.move("python", "3.7", content) for content in tags]
    (tmp_path / "ends.yaml").write_text(
        "schema: 1\nimages: [{image: docker.io/library/python, tag: '3.7', date: 2023-06-27, successor: '3.12'}]\n"
    )
    path = config("end_of_life: ends.yaml\n")
    code, document = check({"Dockerfile": f"FROM python:3.7@{held}\n"}, "--config", path)
    (finding,) = document["findings"]
    assert (code, finding["finding"], finding["reason"]) == (4, "policy", "end-of-life")
    assert re.search("2023-06-27; `3.12`", finding["message"])


def test_check_reports_digest_if_the_tag_moved_back_to_an_earlier_digest(check, config, loopback, tmp_path):
    path = config(f"state: 'sqlite:///{tmp_path / 'state.db'}'\n")
    loopback.move("python", "3.12", "good")
    check({"Dockerfile": PINNED}, "--config", path)
    bad = loopback.move("python", "3.12", "bad")
    files = {"Dockerfile": f"FROM python:3.12@{bad}\n"}
    assert check(files, "--config", path)[0] == 0
    loopback.move("python", "3.12", "good")
    code, document = check(files, "--config", path)
    assert (code, list_findings(document)) == (4, [("Dockerfile", 1, "policy")])
    assert document["findings"][0]["reason"] == "taken-back"
    assert "its publisher" in document["findings"][0]["message"]


KEY = ec.generate_private_key(ec.SECP256R1())
OLD, NEW = build("old"), build("new")


def sign(loopback, item) -> None:
    made = attachment(item, BUNDLE, dump(bundle(KEY, item.digest)))
    loopback.store.set_tag("library/python", item.digest.replace(":", "-"), referrers_index([made], kind=None))


@pytest.fixture
def write_signature_config(tmp_path, config):
    """Return a config that requires signatures of an image and lists the trusted signers."""
    (tmp_path / "team.pub").write_bytes(trusted(KEY).pem)

    def write(trusts: str = "docker.io/library/python") -> str:
        return config(f"trust: [{{image: {trusts}, keys: [team.pub]}}]\npolicy: [{{require: {{signature: true}}}}]\n")

    return write


@pytest.mark.parametrize("tags", [("old",), ("old", "new")], ids=["up-to-date", "moved"])
def test_check_reports_unsigned_current_image_if_a_rule_requires_signatures(
    check, loopback, write_signature_config, tags
):
    for content in tags:
        loopback.move("python", "3.12", content)
    sign(loopback, NEW)
    files = {"Dockerfile": f"FROM python:3.12@{OLD.digest}\n"}
    code, document = check(files, "--config", write_signature_config())
    assert (code, list_findings(document)) == (4, [("Dockerfile", 1, "policy")])
    assert "no signature" in document["findings"][0]["message"]
    sign(loopback, OLD)
    assert check(files, "--config", write_signature_config())[0] == 0


def test_check_reports_image_without_trust_entry_if_signatures_are_required(check, loopback, write_signature_config):
    held = loopback.move("python", "3.12", "old")
    code, document = check(
        {"Dockerfile": f"FROM python:3.12@{held}\n"}, "--config", write_signature_config("docker.io/library/redis")
    )
    assert code == 4
    assert document["findings"][0]["reason"] == "signature"
    assert "`trust`" in document["findings"][0]["message"]


def test_check_verifies_image_of_the_tag_if_the_reference_is_unpinned(check, loopback, write_signature_config):
    loopback.move("python", "3.12", "new")
    code, document = check({"Dockerfile": "FROM python:3.12\n"}, "--config", write_signature_config())
    assert (code, list_findings(document)) == (4, [("Dockerfile", 1, "policy")])
    assert "not verified" in document["findings"][0]["message"]
    sign(loopback, NEW)
    assert list_findings(check({"Dockerfile": "FROM python:3.12\n"}, "--config", write_signature_config())[1]) == [
        ("Dockerfile", 1, "unpinned")
    ]


@pytest.mark.parametrize(
    ("path", "content"),
    [
        ("vendor/x/Dockerfile", f"FROM python:3.12@{OLD.digest}\n"),
        ("Dockerfile", f"# basebump: ignore\nFROM python:3.12@{OLD.digest}\n"),
        ("Dockerfile", f"FROM python@{OLD.digest}\n"),
    ],
    ids=["vendored", "ignored", "without-tag"],
)
def test_strict_check_verifies_signature_of_pinned_image_that_is_not_updated(
    check, loopback, write_signature_config, path, content
):
    loopback.move("python", "3.12", "old")
    options = ("--config", write_signature_config())
    assert check({path: content}, *options)[0] == 0
    code, document = check({path: content}, *options, "--strict")
    assert (code, [each["reason"] for each in document["findings"]]) == (4, ["signature"])
    sign(loopback, OLD)
    assert check({path: content}, *options, "--strict")[0] == 0


def test_strict_check_does_not_verify_images_that_a_rule_of_the_config_ignores(check, loopback, write_signature_config):
    loopback.move("python", "3.12", "old")
    path = Path(write_signature_config())
    path.write_text(path.read_text().replace("[{require", "[{ignore: true, require"))
    assert check({"Dockerfile": f"FROM python:3.12@{OLD.digest}\n"}, "--config", path, "--strict")[0] == 0


def test_check_does_not_request_signature_of_missing_digest(check, loopback, write_signature_config):
    loopback.move("python", "3.12", "new")
    assert list_findings(check({"Dockerfile": PINNED}, "--config", write_signature_config())[1]) == [
        ("Dockerfile", 1, "gone")
    ]


def test_check_requests_each_signature_once(check, loopback, write_signature_config):
    for content in ("old", "new"):
        loopback.move("python", "3.12", content)
    check({"Dockerfile": f"FROM python:3.12@{OLD.digest}\n"}, "--config", write_signature_config())
    about = [each.path for each in loopback.registry.served_requests if OLD.digest.replace(":", "-") in each.path]
    assert about
    assert len(about) == len(set(about))


# ---- out of date -------------------------------------------------------------------------------------------------


def build_dated_image(content: str, created: datetime | None):
    """Return an image whose config has its build time."""
    return build_index(
        [build_image([build_layer(build_debian_root("12.7", [DemoPackage("base-files", content)]))], created=created)]
    )


@pytest.fixture
def pin_image_of_age(loopback):
    """Return a file that pins an image of the given age, while its tag points to a newer image."""

    def file(age: timedelta | None) -> dict[str, str]:
        created = datetime.now(UTC) - age if age is not None else None
        old = loopback.store.set_tag("library/python", "3.12", build_dated_image("old", created))
        loopback.move("python", "3.12", "now")
        return {"Dockerfile": f"FROM python:3.12@{old}\n"}

    return file


def test_check_reports_image_older_than_max_age_if_a_newer_image_exists(check, config, pin_image_of_age):
    files = pin_image_of_age(timedelta(days=40, hours=1))
    code, document = check(files, "--config", config(), "--max-age", "30d")
    (finding,) = document["findings"]
    assert (code, finding["finding"]) == (4, "stale")
    assert "was built 40 days ago" in finding["message"]
    assert check(files, "--config", config(), "--max-age", "60d")[0] == 0


def test_check_does_not_report_image_older_than_max_age_without_a_newer_image(check, config, loopback):
    held = loopback.store.set_tag("library/python", "3.12", build_dated_image("old", datetime(2020, 1, 1, tzinfo=UTC)))
    assert check({"Dockerfile": f"FROM python:3.12@{held}\n"}, "--config", config(), "--max-age", "30d")[0] == 0


def test_check_reports_unknown_age_of_image_as_a_note(check, config, pin_image_of_age):
    code, document = check(pin_image_of_age(None), "--config", config(), "--max-age", "30d")
    assert (code, document["findings"]) == (0, [])
    (note,) = document["notes"]
    assert (note["path"], note["line"]) == ("Dockerfile", 1)
    assert "build time of" in note["text"]


@pytest.mark.parametrize("said", ["30", "d", "999d", "1w", "-1d"])
def test_invalid_max_age_option_of_check_is_wrong_usage(basebump, tmp_path, said):
    code, _, err = basebump("check", tmp_path, "--max-age", said)
    assert code == 2
    assert "--max-age" in err


# ---- what a scan costs -------------------------------------------------------------------------------------------


@pytest.fixture
def check_with_scanner(check, config, tmp_path, monkeypatch):
    """Check a file with a scanner that finds nothing.

    Return the exit code, and True if the scanner was called.
    """
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "programs").mkdir()
    stand = GrypeStand(tmp_path / "programs")
    today = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=3)

    def go(dockerfile: str, *arguments: str) -> tuple[int, bool]:
        digests = [*re.findall(r"sha256:\w+", dockerfile), build("now").digest]
        reports = {each: report(built=today) for each in digests}
        scene = stand.scene | {"built": f"{today:%Y-%m-%dT%H:%M:%SZ}", "reports": reports}
        (stand.folder / "scene.json").write_text(json.dumps(scene))
        path = config(f"scanners: [{{kind: grype, binary: {stand.program}}}]\n")
        code, document = check({"Dockerfile": dockerfile}, "--config", path, *arguments)
        assert document["failed"] == []
        return code, (stand.folder / "log").exists()

    return go


def test_check_scans_outdated_image_only_with_max_age_option(pin_image_of_age, check_with_scanner):
    outdated = pin_image_of_age(timedelta(days=40))["Dockerfile"]
    assert check_with_scanner(outdated) == (0, False)
    assert check_with_scanner(outdated, "--max-age", "30d") == (4, True)


def test_check_scans_image_of_unpinned_reference_if_a_rule_requires_a_scan(loopback, check_with_scanner):
    loopback.move("python", "3.12", "now")
    assert check_with_scanner("FROM python:3.12\n") == (4, True)


def test_check_does_not_report_image_older_than_max_age_if_the_update_is_refused(check, config, pin_image_of_age):
    path = config("policy: [{require: {scan: true}}]\n")
    code, document = check(pin_image_of_age(timedelta(days=40)), "--config", path, "--max-age", "30d")
    assert (code, document["references"][0]["reason"]) == (0, "not-scanned")
