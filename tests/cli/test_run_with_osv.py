"""`run` with an OSV API and inventories, as a person configures it."""

from __future__ import annotations

import json

import pytest
from support.git import Git
from support.osv import OsvStand, by_buildkit, debian, spdx, statement

from bot.demo.images import image, layer

pytestmark = pytest.mark.real("git")

OPENSSL = "pkg:deb/debian/libssl3@{}?distro=debian-12&upstream=openssl"


@pytest.fixture
def api():
    stand = OsvStand(debian("CVE-2026-0001", "openssl", "3.0.2-1"), debian("CVE-2026-0002", "openssl"))
    with stand.listener:
        yield stand


@pytest.fixture
def run(tmp_path, basebump, config, loopback, api):
    """Run over a repository that is behind, with an image that has an inventory before and after."""
    digests = []
    for version in ("3.0.1-1", "3.0.2-1"):
        made = image([layer({"version": version.encode()})])
        pushed = by_buildkit(made, statement(spdx(OPENSSL.format(version)), made.digest))
        digests.append(loopback.store.tag("library/python", "3.12-slim", pushed))
    Git.create(tmp_path / "repositories" / "web.git", {"Dockerfile": f"FROM python:3.12-slim@{digests[0]}\n"})

    def go(*arguments: str):
        scanner = f"{{kind: osv, url: '{api.listener.url}'}}"
        path = config(f"forges: [{{kind: local, url: {tmp_path / 'repositories'}}}]\nscanners: [{scanner}]\n")
        return basebump("run", "--config", path, *arguments)

    return go


def test_the_proposal_says_what_the_api_knows_of_both_images(run, tmp_path):
    code, out, _ = run("--level", "propose")
    assert code == 0
    assert "fixes 1, 0 new, 1 remain" in out
    git = Git(tmp_path / "repositories" / "web.git")
    (ref,) = (ref for ref in git.refs() if ref.startswith("refs/basebump/proposals/"))
    assert "by `osv` `127.0.0.1`." in json.loads(git.run("cat-file", "blob", ref))["body"]


def test_an_api_that_is_down_is_a_failure(run, api):
    api.status = 403
    code, out, _ = run()
    assert code == 1
    assert "not scanned: the scanner failed" in out
    assert "answered 403" in out
