"""The names of git objects, compared with those that git computes."""

from __future__ import annotations

import subprocess

import pytest

from bot.core.references.git_blobs import hash_blob

pytestmark = pytest.mark.real("git")


@pytest.mark.parametrize("kind", ["sha1", "sha256"])
@pytest.mark.parametrize("content", [b"", b"FROM x\r\n", bytes(range(256)) * 300])
def test_blob_hash_equals_hash_computed_by_git(tmp_path, kind, content):
    subprocess.run(["git", "init", "--quiet", f"--object-format={kind}", tmp_path], check=True)
    command = ["git", "hash-object", "--stdin", "--no-filters"]
    named = subprocess.run(command, input=content, cwd=tmp_path, capture_output=True, check=True).stdout.decode()
    assert hash_blob(content, sample_oid=named.strip()) == named.strip()
