"""Repositories: lists of them, trees, files, commits, branches and statuses."""

from __future__ import annotations

import json
from urllib.parse import unquote

from support.forges.gitea.calls import GiteaCall, ProblemError, missing
from support.forges.gitea.state import GiteaRepository, GiteaStatus
from support.forges.server import ForgeReply

MAX_URL = 2_083
"""From here on Forgejo's documentation warns of URLs."""


def get_repository(call: GiteaCall) -> ForgeReply:
    return ForgeReply(200, call.shapes.repository(call.repository, call.token))


def list_organization(call: GiteaCall, org: str) -> ForgeReply:
    if org not in call.world.users or not call.world.users[org].is_organization:
        raise missing("org does not exist")
    return _list_owned(call, org)


def list_user(call: GiteaCall, username: str) -> ForgeReply:
    if username not in call.world.users:
        raise missing("user does not exist")
    return _list_owned(call, username)


def _list_owned(call: GiteaCall, owner: str) -> ForgeReply:
    user = call.token.user if call.token else None
    owned = [each for each in call.world.repositories if each.owner.login == owner and each.seen_by(user)]
    return call.page([call.shapes.repository(each, call.token) for each in owned])


def get_tree(call: GiteaCall, sha: str) -> ForgeReply:
    """List a tree page by page; `truncated` means that there are more pages."""
    assert call.query["recursive"] == "true"
    git = call.repository.git
    if not git.exists(f"{sha}^{{tree}}"):
        raise missing(f"object does not exist [id: {sha}, rel_path: ]")
    size, page = min(int(call.query["per_page"]), call.server.tree_entries), int(call.query["page"])
    listed = git.run("ls-tree", "-r", "-t", "-l", "-z", "--full-tree", sha).decode(errors="surrogateescape")
    entries = []
    for line in listed.split("\0")[:-1]:
        attributes, _, path = line.partition("\t")
        mode, kind, oid, length = attributes.split()
        entries.append(call.shapes.tree_entry(path, mode, kind, oid, 0 if length == "-" else int(length)))
    start = (page - 1) * size
    shown = entries[start : start + size]
    return ForgeReply(
        200,
        call.shapes.make(
            "GitTreeResponse",
            sha=sha,
            tree=shown,
            truncated=start + size < len(entries),
            page=page,
            total_count=len(entries),
        ),
    )


def _read_blob(call: GiteaCall, oid: str) -> bytes:
    if not call.repository.git.exists(f"{oid}^{{blob}}"):
        raise missing(f"object does not exist [id: {oid}, rel_path: ]")
    return call.repository.git.run("cat-file", "blob", oid)


def get_blob(call: GiteaCall, sha: str) -> ForgeReply:
    content = _read_blob(call, sha)
    blob = call.shapes.blob(sha, content)
    if len(content) > call.server.max_blob:
        blob |= {"content": None, "encoding": None}
    return ForgeReply(200, blob)


def get_blobs(call: GiteaCall) -> ForgeReply:
    """Read several files by their ids, as Forgejo does."""
    assert len(call.query["shas"]) < MAX_URL
    return ForgeReply(200, [call.shapes.blob(each, _read_blob(call, each)) for each in call.query["shas"].split(",")])


def get_file_contents(call: GiteaCall) -> ForgeReply:
    """Read several files by path, as Gitea does; files beyond the limit of the settings are missing."""
    git, commit = call.repository.git, call.query["ref"]
    answered = []
    for path in json.loads(call.query["body"])["files"][: call.server.max_files]:
        oid = git.find_path(commit, path)
        answered.append(call.shapes.file(path, oid, git.run("cat-file", "blob", oid)) if oid else None)
    return ForgeReply(200, answered)


def get_commit(call: GiteaCall, sha: str) -> ForgeReply:
    if not call.repository.git.exists(f"{sha}^{{commit}}"):
        raise missing(f"object does not exist [id: {sha}, rel_path: ]")
    return ForgeReply(200, call.shapes.commit(call.repository, call.repository.git.need(sha)))


def list_commits(call: GiteaCall) -> ForgeReply:
    """List the commits of one that another does not have, as `git rev-list` does, or those that changed a file."""
    git = call.repository.git
    if "path" in call.query:
        listed = git.list_file_commits(call.query["sha"], call.query["path"])
        return call.page([call.shapes.commit(call.repository, each) for each in listed])
    listed = git.run("rev-list", "--topo-order", call.query["sha"], f"^{call.query['not']}").decode().split()
    return call.page([call.shapes.commit(call.repository, each) for each in listed])


def list_refs(call: GiteaCall, ref: str) -> ForgeReply:
    """List the refs that begin with some text; a ref that is just this text is answered alone."""
    wanted = f"refs/{unquote(ref)}"
    found = [(name, oid) for name, oid in call.repository.git.refs(wanted).items()]
    if not found:
        raise missing("")
    if [name for name, _ in found] == [wanted]:
        return ForgeReply(200, call.shapes.reference(*found[0]))
    return ForgeReply(200, [call.shapes.reference(*each) for each in found])


def get_branch(call: GiteaCall, branch: str) -> ForgeReply:
    if branch not in call.repository.branches:
        raise missing(f"branch does not exist [name: {branch}]")
    return ForgeReply(200, call.shapes.branch(call.repository, branch, call.repository.protected.get(branch, {})))


def list_protections(call: GiteaCall) -> ForgeReply:
    """List the rules for branches, which only administrators of the repository see."""
    if not call.server.shows_protections:
        raise ProblemError(403, "user should be an owner or a collaborator with admin write of a repository")
    rules = call.repository.protected.items()
    return ForgeReply(200, [call.shapes.protection(name, rule) for name, rule in rules])


def _find_statuses(repository: GiteaRepository, sha: str) -> list[GiteaStatus]:
    return [each for each in repository.statuses if each.sha == sha]


def list_statuses(call: GiteaCall, sha: str) -> ForgeReply:
    newest_first = reversed(_find_statuses(call.repository, sha))
    return call.page([call.shapes.status(each) for each in newest_first])


def create_status(call: GiteaCall, sha: str) -> ForgeReply:
    if not call.repository.git.exists(f"{sha}^{{commit}}"):
        raise ProblemError(404, "object does not exist")
    body = call.body
    assert body["state"] in {"pending", "success", "error", "failure", "warning"}
    made = GiteaStatus(call.world.next_id(), sha, body["context"], body["state"], body["description"], call.writer.user)
    call.repository.statuses.append(made)
    return ForgeReply(201, call.shapes.status(made))
