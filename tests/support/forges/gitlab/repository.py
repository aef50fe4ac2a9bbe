"""GitLab's repositories: branches, trees, blobs and commits, in real git (https://docs.gitlab.com/api/repositories/)."""

from __future__ import annotations

import base64
import re
from typing import Any

from support.forges.gitlab.calls import GitLabCall, ProblemError, missing
from support.forges.gitlab.state import GitLabProject
from support.forges.server import ForgeReply
from support.git import EXECUTABLE
from support.git_objects import TreeEntry

_OBJECT = re.compile(r"[0-9a-f]{40}")
_TRUE = frozenset({"true", "True", "1", True})


def list_branches(call: GitLabCall) -> ForgeReply:
    search = call.words.get("search", "")
    found = [name for name in sorted(call.project.branches) if _matches_search(search, name)]
    return call.page([call.shapes.branch(call.project, name) for name in found])


def get_branch(call: GitLabCall, branch: str) -> ForgeReply:
    if branch not in call.project.branches:
        raise missing("Branch")
    return ForgeReply(200, call.shapes.branch(call.project, branch))


def delete_branch(call: GitLabCall, branch: str) -> ForgeReply:
    project = call.project
    if branch not in project.branches:
        raise missing("Branch")
    if branch in {project.default_branch, *project.protected}:
        raise ProblemError(403, "403 Forbidden - Protected branches cannot be deleted")
    project.git.delete(branch)
    project.settle()
    return ForgeReply(204)


def get_tree(call: GitLabCall) -> ForgeReply:
    """List a tree; the trees on the way are entries, too."""
    project, path = call.project, call.words.get("path", "")
    commit = _commit(project, call.words.get("ref") or project.default_branch)
    if commit is None or (path and not project.git.exists(f"{commit}:{path}")):
        raise missing("Tree")
    options = ["-r", "-t"] if call.words.get("recursive") in _TRUE else []
    where = [f"{path}/"] if path else []
    listed = project.git.run("ls-tree", "-z", "--full-tree", *options, commit, *where).decode(errors="replace")
    entries = []
    for line in listed.split("\0")[:-1]:
        attributes, _, name = line.partition("\t")
        mode, kind, oid = attributes.split()
        entries.append({"id": oid, "name": name.rpartition("/")[2], "type": kind, "path": name, "mode": mode})
    if call.words.get("pagination") == "keyset":
        return call.keyset(entries, [_token(each["path"]) for each in entries])
    return call.page(entries)


def get_blob(call: GitLabCall, oid: str) -> ForgeReply:
    if not _is(call.project, oid, "blob"):
        raise missing("Blob")
    return ForgeReply(200, call.project.git.run("cat-file", "blob", oid))


def head_file(call: GitLabCall, path: str) -> ForgeReply:
    """Return the headers of a file: https://docs.gitlab.com/api/repository_files/."""
    commit = _commit(call.project, call.need("ref"))
    found = call.project.git.files(commit).get(path) if commit else None
    if found is None or commit is None:
        raise missing("File")
    oid = call.project.git.find_path(commit, path)
    headers = {"Blob-Id": oid, "Commit-Id": commit, "Size": str(len(found.content)), "Ref": call.words["ref"]}
    headers["Execute-Filemode"] = str(found.mode == EXECUTABLE).lower()
    return ForgeReply(200, None, {f"X-Gitlab-{name}": value for name, value in headers.items()})


def list_commits(call: GitLabCall) -> ForgeReply:
    """List the commits that changed a file: https://docs.gitlab.com/api/commits/#list-repository-commits."""
    project = call.project
    listed = project.git.list_file_commits(call.need("ref_name"), call.need("path"))
    return call.page([call.shapes.commit(project, each) for each in listed])


def create_commit(call: GitLabCall) -> ForgeReply:
    """Make a commit and move a branch: https://docs.gitlab.com/api/commits/."""
    project, branch, message = call.project, call.need("branch"), call.need("commit_message")
    start, before = call.words.get("start_sha"), project.branches.get(branch)
    if branch in project.protected:
        raise ProblemError(403, "403 Forbidden - You are not allowed to push into this branch")
    if start is not None and not _is(project, start, "commit"):
        raise ProblemError(400, f"Cannot find start_sha '{start}'")
    if start is not None and before is not None and not call.words.get("force"):
        raise ProblemError(
            400, f"A branch called '{branch}' already exists. Switch to that branch in order to make changes"
        )
    parent = start or before
    if parent is None:
        raise ProblemError(400, "You can only create or edit files when you are on a branch")
    tree = _edited(project, parent, call.need("actions"))
    who = call.writer.user.person
    made = project.git.write_commit(tree, [parent], message, who=project.signer or who, author=who)
    project.git.point(f"refs/heads/{branch}", made)
    project.settle()
    return ForgeReply(201, call.shapes.commit_detail(project, made))


def _edited(project: GitLabProject, parent: str, actions: list[dict[str, Any]]) -> str:
    """Return the tree that is made of a commit's by some updates; they keep the mode, even that of a link."""
    files = project.git.files(parent)
    changes = {}
    for action in actions:
        assert action["action"] == "update", action
        path, content = action["file_path"], action["content"]
        if path not in files:
            raise ProblemError(400, "A file with this name doesn't exist")
        raw = base64.b64decode(content) if action.get("encoding") == "base64" else content.encode()
        changes[path] = TreeEntry(files[path].mode, _stored(project, path, raw))
    return project.git.write_tree(parent, changes)


def _stored(project: GitLabProject, path: str, raw: bytes) -> str:
    """Store a blob as Gitaly does, which has `core.autocrlf` on for its editor in the browser.

    Without CR characters, and without attributes in the repository, git stores the bytes as they are.
    """
    if b"\r" not in raw and not (project.git.directory / "info" / "attributes").exists():
        return project.git.write_blob(raw)
    made = project.git.run(*("-c", "core.autocrlf=input", "hash-object", "-w", "--stdin", f"--path={path}"), stdin=raw)
    return made.decode().strip()


def _matches_search(search: str, name: str) -> bool:
    """Return True if a search matches a branch name: `^` and `$` mean its start and end."""
    words = search.removeprefix("^").removesuffix("$").lower()
    starts = name.lower().startswith(words) if search.startswith("^") else words in name.lower()
    return starts and (not search.endswith("$") or name.lower().endswith(words))


def _token(path: str) -> str:
    return base64.urlsafe_b64encode(path.encode()).decode()


def _commit(project: GitLabProject, ref: str) -> str | None:
    commit = project.branches.get(ref, ref)
    return commit if _is(project, commit, "commit") else None


def _is(project: GitLabProject, name: str, kind: str) -> bool:
    return bool(_OBJECT.fullmatch(name)) and project.git.exists(f"{name}^{{{kind}}}")
