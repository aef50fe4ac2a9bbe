"""GitHub's Git Data API: blobs, trees, commits and refs, in real git (https://docs.github.com/en/rest/git)."""

from __future__ import annotations

import base64
import re
from typing import Any

from support.forges.github.calls import ForgeReply, GitHubCall, ProblemError
from support.forges.github.shapes import committer_of
from support.forges.github.state import GitHubRepository, GitHubToken
from support.git import LINK, SUBMODULE, CommitAuthor
from support.git_objects import TreeEntry

BRANCHES = "refs/heads/"
_OBJECT = re.compile(r"[0-9a-f]{40}")
_WORKFLOWS = ".github/workflows/"


def get_ref(call: GitHubCall, name: str) -> ForgeReply:
    repository = _not_empty(call)
    commit = repository.git.refs().get(f"refs/{name}")
    if commit is None:
        raise ProblemError(404, "Not Found")
    return ForgeReply(200, call.shapes.reference(repository, f"refs/{name}", commit))


def matching_refs(call: GitHubCall, prefix: str) -> ForgeReply:
    repository = _not_empty(call)
    found = {name: commit for name, commit in repository.git.refs().items() if name.startswith(f"refs/{prefix}")}
    return ForgeReply(200, [call.shapes.reference(repository, name, commit) for name, commit in sorted(found.items())])


def create_ref(call: GitHubCall) -> ForgeReply:
    repository, name, commit = _not_empty(call), call.need("ref"), call.need("sha")
    if not name.startswith("refs/") or name.count("/") < 2:
        raise ProblemError(422, "Reference name must start with refs/ and have at least two slashes.")
    if not _is(repository, commit, "commit"):
        raise ProblemError(422, "Object does not exist")
    if name in repository.git.refs():
        raise ProblemError(422, "Reference already exists")
    refuse_workflows(call, commit)
    repository.git.point(name, commit)
    repository.settle()
    return ForgeReply(201, call.shapes.reference(repository, name, commit))


def update_ref(call: GitHubCall, name: str) -> ForgeReply:
    repository, commit = call.repository, call.need("sha")
    before = repository.git.refs().get(f"refs/{name}")
    if before is None:
        raise ProblemError(422, "Reference does not exist")
    if not _is(repository, commit, "commit"):
        raise ProblemError(422, "Object does not exist")
    if not call.body.get("force") and not repository.git.has(commit, before):
        raise ProblemError(422, "Update is not a fast forward")
    refuse_workflows(call, commit)
    move_ref(repository, f"refs/{name}", commit)
    return ForgeReply(200, call.shapes.reference(repository, f"refs/{name}", commit))


def delete_ref(call: GitHubCall, name: str) -> ForgeReply:
    if f"refs/{name}" not in call.repository.git.refs():
        raise ProblemError(422, "Reference does not exist")
    move_ref(call.repository, f"refs/{name}", None)
    return ForgeReply(204)


def refuse_workflows(call: GitHubCall, commit: str) -> None:
    """Refuse to give a name to a commit that changes a workflow, unless the token may."""
    changed = call.repository.git.run("diff-tree", "--root", "--no-commit-id", "--name-only", "-r", commit).decode()
    if not call.writer.can_write_workflows and any(path.startswith(_WORKFLOWS) for path in changed.splitlines()):
        raise _no_workflows(call.writer)


def move_ref(repository: GitHubRepository, name: str, commit: str | None) -> None:
    """Move a ref, and let the pull requests see it at once."""
    if commit is None:
        repository.git.delete_ref(name)
    else:
        repository.git.point(name, commit)
    repository.settle()


def get_tree(call: GitHubCall, name: str) -> ForgeReply:
    repository = _not_empty(call)
    if not _is(repository, name, "tree"):
        raise ProblemError(404, "Not Found")
    return ForgeReply(200, call.shapes.tree(repository, name, recursive="recursive" in call.query))


def create_tree(call: GitHubCall) -> ForgeReply:
    repository = _not_empty(call)
    base, entries = call.body.get("base_tree"), call.need("tree")
    if base is not None and not _is(repository, base, "tree"):
        raise ProblemError(422, "base_tree is not a valid tree")
    if any(entry["path"].startswith(_WORKFLOWS) for entry in entries) and not call.writer.can_write_workflows:
        raise _no_workflows(call.writer)
    made = repository.git.write_tree(base, {entry["path"]: _tree_entry(repository, entry) for entry in entries})
    return ForgeReply(201, call.shapes.tree(repository, made, recursive=False))


def get_blob(call: GitHubCall, name: str) -> ForgeReply:
    repository = _not_empty(call)
    if not _is(repository, name, "blob"):
        raise ProblemError(404, "Not Found")
    content = repository.git.run("cat-file", "blob", name)
    url = f"{call.root}{call.path}"
    encoded = base64.encodebytes(content).decode()
    blob = {"sha": name, "node_id": name, "size": len(content), "url": url, "content": encoded, "encoding": "base64"}
    return ForgeReply(200, blob)


def create_blob(call: GitHubCall) -> ForgeReply:
    repository, content = _not_empty(call), call.need("content")
    stored = base64.b64decode(content) if call.body.get("encoding") == "base64" else content.encode()
    made = repository.git.write_blob(stored)
    return ForgeReply(201, {"sha": made, "url": f"{call.root}/repos/{repository.name}/git/blobs/{made}"})


def get_git_commit(call: GitHubCall, name: str) -> ForgeReply:
    repository = _not_empty(call)
    if not _is(repository, name, "commit"):
        raise ProblemError(404, "Not Found")
    return ForgeReply(200, call.shapes.git_commit(repository, name))


def create_commit(call: GitHubCall) -> ForgeReply:
    repository = _not_empty(call)
    tree, message, parents = call.need("tree"), call.need("message"), call.body.get("parents", [])
    if not _is(repository, tree, "tree") or not all(_is(repository, parent, "commit") for parent in parents):
        raise ProblemError(422, "Tree SHA or parent does not exist")
    account = call.writer.account
    committer = committer_of(account, is_app=call.writer.is_app)
    written = call.body.get("author", {})
    author = CommitAuthor(written.get("name", account.person.name), written.get("email", account.person.email))
    made = repository.git.write_commit(tree, parents, message, who=committer, author=author)
    if call.writer.is_app and not written:
        repository.signed.add(made)
    return ForgeReply(201, call.shapes.git_commit(repository, made))


def get_commit(call: GitHubCall, name: str) -> ForgeReply:
    repository = _not_empty(call)
    commit = repository.git.head(name) or name
    if not _is(repository, commit, "commit"):
        raise ProblemError(422, f"No commit found for SHA: {name}")
    return ForgeReply(200, call.shapes.commit(repository, commit))


def list_commits(call: GitHubCall) -> ForgeReply:
    """List the commits that changed a file (https://docs.github.com/en/rest/commits/commits#list-commits)."""
    repository = _not_empty(call)
    listed = repository.git.list_file_commits(call.query["sha"], call.query["path"])
    page = call.page(listed)
    shown = [call.shapes.commit(repository, each) for each in page.body]
    return ForgeReply(page.status, [{**each, "files": []} for each in shown], page.headers)


def compare(call: GitHubCall, name: str) -> ForgeReply:
    """Compare two commits since their merge base (https://docs.github.com/en/rest/commits/commits)."""
    repository = _not_empty(call)
    base, dots, head = name.partition("...")
    if not dots or not _is(repository, base, "commit") or not _is(repository, head, "commit"):
        raise ProblemError(404, "Not Found")
    if not repository.git.is_related(base, head):
        raise ProblemError(404, f"No common ancestor between {base} and {head}.")
    return ForgeReply(200, call.shapes.comparison(repository, base, head, int(call.query.get("per_page", "250"))))


def _not_empty(call: GitHubCall) -> GitHubRepository:
    if call.repository.is_empty:
        raise ProblemError(409, "Git Repository is empty.")
    return call.repository


def _is(repository: GitHubRepository, name: str, kind: str) -> bool:
    """Return True if `name` is an object of this kind; a commit counts as its tree, too."""
    return bool(_OBJECT.fullmatch(name)) and repository.git.exists(f"{name}^{{{kind}}}")


def _tree_entry(repository: GitHubRepository, entry: dict[str, Any]) -> TreeEntry | None:
    """Return the new object at the path of an entry; None if the path is deleted."""
    mode = entry["mode"]
    if "sha" in entry and "content" in entry:
        raise ProblemError(422, "Must supply either tree.sha or tree.content, not both.")
    if "content" in entry:
        return TreeEntry(mode, repository.git.write_blob(entry["content"].encode()))
    if entry["sha"] is None:
        return None
    if mode not in (SUBMODULE, LINK) and not _is(repository, entry["sha"], "blob"):
        raise ProblemError(422, "tree.sha is not a valid blob")
    return TreeEntry(mode, entry["sha"])


def _no_workflows(token: GitHubToken) -> ProblemError:
    """Return the refusal as observed: 403 for Apps, 404 for a personal token without the scope."""
    return (
        ProblemError(403, "Resource not accessible by integration") if token.is_app else ProblemError(404, "Not Found")
    )
