"""Repositories of Azure DevOps: refs, commits, trees, blobs and pushes, in real git."""

from __future__ import annotations

import base64
import io
import re
import zipfile
from typing import Any

from support.forges.azure.calls import AzureCall, ProblemError, invalid, missing_object, stale
from support.forges.azure.state import CONTRIBUTE, CREATE_BRANCH, ZERO, AzureRepository
from support.forges.server import ForgeReply
from support.git import REGULAR
from support.git_objects import TreeEntry

_OBJECT = re.compile(r"[0-9a-f]{40}")
_BAD_REF = re.compile(r"\s|\.\.|^(?!refs/)")
MAX_REQUEST = 26_214_400


def list_repositories(call: AzureCall) -> ForgeReply:
    """List all repositories of the organization or a project, disabled ones too; wikis are hidden."""
    seen = [each for each in call.world.repositories if call.is_in(each) and call.sees(each.project)]
    if call.project is not None and not seen:
        words = f"TF200016: The following project does not exist: {call.project}. Verify that the name is correct."
        raise ProblemError("ProjectDoesNotExistWithNameException", words)
    with_hidden = call.query.get("includeHidden", "").lower() == "true"
    return call.many([call.shapes.repository(each) for each in seen if with_hidden or not each.is_hidden])


def get_repository(call: AzureCall) -> ForgeReply:
    return ForgeReply(200, call.shapes.repository(call.repository))


def list_projects(call: AzureCall) -> ForgeReply:
    projects = {each.project.id: each.project for each in call.world.repositories if call.sees(each.project)}
    return call.page([call.shapes.project(each) for each in projects.values()])


def list_refs(call: AzureCall) -> ForgeReply:
    """List refs whose names begin with the filter."""
    repository, prefix = call.repository, f"refs/{call.query.get('filter', '')}"
    refs = [call.shapes.ref(repository, f"refs/heads/{name}", oid) for name, oid in repository.branches.items()]
    return call.page([each for each in refs if each["name"].startswith(prefix)])


def update_refs(call: AzureCall) -> ForgeReply:
    """Move refs. The status is always 200, and the body has the result of each ref."""
    statuses = [_refuse_update(call, each) or "succeeded" for each in call.body]
    is_refused = any(each != "succeeded" for each in statuses)
    if is_refused and call.world.assumptions.are_refs_atomic:
        statuses = ["unprocessed" if each == "succeeded" else each for each in statuses]
    for update, status in zip(call.body, statuses, strict=True):
        if status == "succeeded":
            _move(call, update["name"], update["newObjectId"])
    call.repository.pushes += 1
    call.repository.settle()
    pairs = zip(call.body, statuses, strict=True)
    return call.many([call.shapes.ref_update(call.repository, update, status) for update, status in pairs])


def _refuse_update(call: AzureCall, update: dict[str, str]) -> str | None:
    """Return why a ref is not moved, in the order in which Azure DevOps might ask; None if it is."""
    repository, ref = call.repository, update["name"]
    old, new = update["oldObjectId"], update["newObjectId"]
    at = _branches(repository).get(ref, ZERO)
    if CONTRIBUTE not in call.writer.rights:
        return "writePermissionRequired"
    if _BAD_REF.search(ref):
        return "invalidRefName"
    if at == ZERO and new == ZERO:
        return "succeededNonExistentRef"
    if at != old:
        return "staleOldObjectId"
    if new != ZERO and not repository.git.exists(f"{new}^{{commit}}"):
        return "unresolvableToCommit"
    if at == ZERO:
        if any(each != ref and each.lower() == ref.lower() for each in _branches(repository)):
            return "refNameConflict"
        return None if CREATE_BRANCH in call.writer.rights else "createBranchPermissionRequired"
    if repository.blocking(ref):
        return "rejectedByPolicy"
    is_forced = new == ZERO or not repository.git.has(new, at)
    return "forcePushRequired" if is_forced and not call.may_force(ref) else None


def _move(call: AzureCall, ref: str, new: str) -> None:
    repository = call.repository
    if new == ZERO:
        repository.git.delete(ref.removeprefix("refs/heads/"))
        repository.creators.pop(ref, None)
        return
    if ref not in _branches(repository):
        repository.creators[ref] = call.writer.account
    repository.git.point(ref, new)


def _branches(repository: AzureRepository) -> dict[str, str]:
    return {f"refs/heads/{name}": oid for name, oid in repository.branches.items()}


def get_commit(call: AzureCall, oid: str) -> ForgeReply:
    _need(call.repository, oid, "commit")
    return ForgeReply(200, call.shapes.commit(call.repository, oid))


def list_commits(call: AzureCall) -> ForgeReply:
    """List the newest commits that changed a file."""
    repository, criteria = call.repository, "searchCriteria."
    assert call.query[f"{criteria}itemVersion.versionType"] == "commit"
    path = call.query[f"{criteria}itemPath"].removeprefix("/")
    listed = repository.git.list_file_commits(call.query[f"{criteria}itemVersion.version"], path)
    return call.many(
        [call.shapes.listed_commit(repository, each) for each in listed[: int(call.query[f"{criteria}$top"])]]
    )


def get_tree(call: AzureCall, oid: str) -> ForgeReply:
    _need(call.repository, oid, "tree")
    is_recursive = call.query.get("recursive", "").lower() == "true"
    return ForgeReply(200, call.shapes.tree(call.repository, oid, is_recursive=is_recursive))


def get_blob(call: AzureCall, oid: str) -> ForgeReply:
    _need(call.repository, oid, "blob")
    content = call.repository.git.run("cat-file", "blob", oid)
    if call.query.get("$format") == "octetstream":
        return ForgeReply(200, content)
    return ForgeReply(200, {"objectId": oid, "size": len(content)})


def get_blobs(call: AzureCall) -> ForgeReply:
    """Return many blobs as one zip, whose members are named by their objects."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for number, oid in enumerate(call.body):
            _need(call.repository, oid, "blob")
            name = oid if call.world.assumptions.are_zips_named_by_object else f"{number}.bin"
            archive.writestr(name, call.repository.git.run("cat-file", "blob", oid))
    return ForgeReply(200, packed.getvalue(), {"Content-Type": "application/zip"})


def diff_commits(call: AzureCall) -> ForgeReply:
    """Return how two commits are related, without the changes between them."""
    git, base, target = call.repository.git, call.query["baseVersion"], call.query["targetVersion"]
    assert (call.query["baseVersionType"], call.query["targetVersionType"]) == ("commit", "commit")
    for each in (base, target):
        _need(call.repository, each, "commit")
    common = git.run("merge-base", base, target).decode().split("\n")[0]
    ahead, behind = (
        int(git.run("rev-list", "--count", f"{one}..{other}")) for one, other in ((base, target), (target, base))
    )
    return ForgeReply(
        200,
        {
            "allChangesIncluded": False,
            "changeCounts": {"Edit": 1},
            "changes": [],
            "commonCommit": common,
            "baseCommit": base,
            "targetCommit": target,
            "aheadCount": ahead,
            "behindCount": behind,
        },
    )


def create_push(call: AzureCall) -> ForgeReply:
    """Create a commit and move a branch, if the branch still points to the commit in the push."""
    call.require(CONTRIBUTE)
    repository, world = call.repository, call.world
    (update,), (commit,) = call.body["refUpdates"], call.body["commits"]
    ref, old = update["name"], update["oldObjectId"]
    at = _branches(repository).get(ref)
    if at is None:
        call.require(CREATE_BRANCH)
    if (at is not None and at != old) or (at is None and old != ZERO and not world.assumptions.begins_at_old_object):
        raise stale(ref)
    if repository.blocking(ref):
        words = "TF402455: Pushes to this branch are not permitted; you must use a pull request to update this branch."
        raise ProblemError("GitRefUpdateRejectedByPolicyException", words)
    if old != ZERO:
        _need(repository, old, "commit")
    tree = _edited(call, old, commit["changes"])
    message = commit["comment"].rstrip("\n") + "\n"
    who = call.writer.account.person
    made = repository.git.write_commit(tree, [] if old == ZERO else [old], message, who=who)
    repository.pushers[made] = call.writer.account
    _move(call, ref, made)
    repository.pushes += 1
    repository.settle()
    return ForgeReply(201, call.shapes.push(repository, call.writer.account, ref, at or ZERO, [made]))


def _edited(call: AzureCall, parent: str, changes: list[dict[str, Any]]) -> str:
    """Return the tree that is made of a commit's by some edits."""
    repository = call.repository
    files = repository.git.files(parent)
    edits = {}
    for change in changes:
        path, said = change["item"]["path"].removeprefix("/"), change["newContent"]
        if change["changeType"] != "edit" or path not in files:
            raise ProblemError("GitArgumentException", f"TF401035: cannot {change['changeType']} '/{path}'")
        is_encoded = said["contentType"].lower() == "base64encoded"
        raw = base64.b64decode(said["content"]) if is_encoded else said["content"].encode()
        if not call.world.assumptions.keeps_line_ends:
            raw = raw.replace(b"\r\n", b"\n")
        mode = files[path].mode if call.world.assumptions.keeps_modes else REGULAR
        edits[path] = TreeEntry(mode, repository.git.write_blob(raw))
    return repository.git.write_tree(parent, edits)


def refuse_size(raw: bytes) -> None:
    if len(raw) > MAX_REQUEST:
        raise invalid(f"contentStream: The maximum request size of {MAX_REQUEST} bytes was exceeded.")


def _need(repository: AzureRepository, oid: str, kind: str) -> None:
    if not _OBJECT.fullmatch(oid) or not repository.git.exists(f"{oid}^{{{kind}}}"):
        raise missing_object(oid)
