"""GitLab's JSON for the difference between commits, as computed by git."""

from __future__ import annotations

import re

from support.forges.gitlab.calls import GitLabCall, missing
from support.forges.gitlab.contract import answer
from support.forges.gitlab.state import GitLabProject
from support.forges.server import ForgeReply

_DIFF = re.compile(r"^diff --git a/(?P<old>.+) b/(?P<new>.+)$")


def get_diff(call: GitLabCall, commit: str) -> ForgeReply:
    if not call.project.git.exists(f"{commit}^{{commit}}"):
        raise missing("Commit")
    return call.page(_diffs(call.project, f"{commit}^", commit))


def compare(call: GitLabCall) -> ForgeReply:
    """Compare as merge requests do: with where the second left the first."""
    project, before, after = call.project, call.need("from"), call.need("to")
    listed = project.git.run("rev-list", "--reverse", f"{before}..{after}").decode().split()
    shared = project.git.run("merge-base", before, after).decode().strip()
    commits = [call.shapes.commit(project, each) for each in listed]
    compared = answer(
        "get /projects/{id}/repository/compare",
        commit=commits[-1] if commits else None,
        commits=commits,
        diffs=_diffs(project, shared, after),
        compare_timeout=False,
        compare_same_ref=before == after,
    )
    return ForgeReply(200, compared)


def merge_base(call: GitLabCall) -> ForgeReply:
    shared = call.project.git.run("merge-base", *call.need("refs")).decode().strip()
    return ForgeReply(200, call.shapes.commit(call.project, shared))


def _diffs(project: GitLabProject, before: str, after: str) -> list[dict[str, object]]:
    """Return the differences of each file; binary files have no lines."""
    diffs: list[dict[str, object]] = []
    printed = project.git.run("diff", "--full-index", "--no-renames", before, after).decode(errors="replace")
    for part in re.split(r"^(?=diff --git )", printed, flags=re.MULTILINE)[1:]:
        first, _, rest = part.partition("\n")
        paths = _DIFF.match(first)
        assert paths is not None
        header, at, hunks = rest.partition("\n@@ ")
        modes = re.search(r"^index \w+\.\.\w+ (\d+)$", header, re.MULTILINE)
        old = re.search(r"^(?:old|deleted file) mode (\d+)$", header, re.MULTILINE) or modes
        new = re.search(r"^new (?:file )?mode (\d+)$", header, re.MULTILINE) or modes
        diffs.append(
            answer(
                "get /projects/{id}/repository/commits/{sha}/diff",
                diff=f"@@ {hunks}" if at else "",
                old_path=paths["old"],
                new_path=paths["new"],
                a_mode=old[1] if old else "0",
                b_mode=new[1] if new else "0",
                new_file="new file mode" in header,
                deleted_file="deleted file mode" in header,
                renamed_file=False,
                generated_file=False,
            )
        )
    return diffs
