"""Tests of the parser of diffs, with patches that git makes from arbitrary bytes."""

from __future__ import annotations

import os
import subprocess
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.core.references.diff import parse_changed_lines

PATCH = b"""\
diff --git a/Dockerfile b/Dockerfile
index 1..2 100644
--- a/Dockerfile
+++ b/Dockerfile
@@ -1 +1,2 @@
-FROM a
+FROM b
+FROM c
@@ -5,2 +5,0 @@ FROM x
-- gone
-RUN it
@@ -9,0 +8 @@
+++ b/not-a-header
\\ No newline at end of file
diff --git a/gone b/gone
deleted file mode 100644
--- a/gone
+++ /dev/null
@@ -1 +0,0 @@
--- a/old-list-item
diff --git a/new file b/new file
new file mode 100644
--- /dev/null
+++ b/new file\t
@@ -0,0 +1,3 @@
+@@ -1 +1,99 @@
+diff --git a/x b/x
+
"""


def test_changed_lines_are_parsed_from_patch_with_lines_that_look_like_headers():
    assert parse_changed_lines(PATCH) == {
        b"Dockerfile": (range(1, 3), range(8, 9)),
        b"gone": (),
        b"new file": (range(1, 4),),
    }


@pytest.mark.parametrize(
    ("quoted", "path"),
    [
        (rb'"b/a\tb"', b"a\tb"),
        (rb'"b/a\"b\\c"', b'a"b\\c'),
        (rb'"b/a\nb"', b"a\nb"),
        (rb'"b/\303\244\001"', b"\xc3\xa4\x01"),
        (b'"b/ \\037"\t', b" \x1f"),
        (b"b/dev/null", b"dev/null"),
        (b"b/caf\xe9", b"caf\xe9"),
    ],
)
def test_paths_quoted_by_git_are_unquoted(quoted, path):
    assert parse_changed_lines(b"--- /dev/null\n+++ " + quoted + b"\n@@ -0,0 +1 @@\n+x\n") == {path: (range(1, 2),)}


@given(st.binary(max_size=200) | st.lists(st.sampled_from(PATCH.split(b"\n"))).map(b"\n".join))
def test_arbitrary_patches_raise_no_error(patch):
    for ranges in parse_changed_lines(patch).values():
        assert all(each.start >= 0 and len(each) for each in ranges)


LINE = st.sampled_from(
    [
        b"FROM a",
        b"FROM b",
        b"-- x",
        b"++ x",
        b"-",
        b"+",
        b"",
        b"@@ -1 +1 @@",
        b"diff --git a/x b/x",
        b"\r",
        b"\\ No",
        b"\0",
    ]
)
CONTENT = st.tuples(st.lists(LINE, max_size=8), st.sampled_from([b"", b"\n"])).map(
    lambda has: b"\n".join(has[0]) + has[1]
)
NAME = (
    st.text(st.characters(codec="utf-8", exclude_characters="/\0"), min_size=1, max_size=8)
    .map(str.encode)
    .filter(lambda name: name not in {b".", b".."} and name.lower() != b".git" and len(name) < 200)
) | st.sampled_from([b"caf\xe9", b'"', b"\\", b" ", b"a ", b"a\tb", b"\n", b"+++ b", b"-x", b":(top)"])


@pytest.mark.slow
@pytest.mark.real("git")
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(NAME, st.tuples(CONTENT, CONTENT), min_size=1, max_size=4))
def test_lines_not_reported_as_changed_exist_in_old_file(files):
    with tempfile.TemporaryDirectory() as scratch:
        old, new = (os.fsencode(Path(scratch, side)) for side in "ab")
        for folder, side in ((old, 0), (new, 1)):
            os.mkdir(folder)  # noqa: PTH102 - pathlib has no paths of bytes
            for name, contents in files.items():
                Path(os.fsdecode(folder + b"/" + name)).write_bytes(contents[side])
        patch, counted = (_run_git_diff(scratch, option) for option in ("--unified=0", "--numstat"))
    changed = parse_changed_lines(patch)
    assert set(changed) <= set(files)
    for name, (before, after) in files.items():
        lines = after.split(b"\n")
        kept = [
            line for number, line in enumerate(lines, 1) if not any(number in each for each in changed.get(name, ()))
        ]
        assert _is_within(kept if after else [], before.split(b"\n"))
        if before == after:
            assert name not in changed
    added = [line.split(b"\t")[0] for line in counted.split(b"\n") if line]
    if b"-" not in added:  # git does not count the lines of files that it considers binary
        assert sum(len(each) for ranges in changed.values() for each in ranges) == sum(map(int, added))


def _run_git_diff(folder: str, option: str) -> bytes:
    command = ["git", "-c", "core.quotePath=false", "diff", "--no-index", "--no-prefix", "--no-renames", "--text"]
    return subprocess.run([*command, option, "a", "b"], cwd=folder, capture_output=True, check=False).stdout


def _is_within(lines: list[bytes], others: list[bytes]) -> bool:
    """Return True if `lines` are a subsequence of `others`. The last line may end in another way."""
    rest = iter(others)
    return all(line in rest for line in lines if line)
