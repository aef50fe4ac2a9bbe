"""JSON of Azure DevOps: each function returns the JSON of one resource."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from support.forges.azure.state import (
    AzureAccount,
    AzureDevOpsProject,
    AzureRepository,
    AzureStatus,
    BranchPolicy,
    CommentThread,
    PullRequest,
    RequestReviewer,
    ThreadComment,
)
from support.git_objects import TreeEntry

LISTED_DESCRIPTION = 400
"""Characters of a description in lists."""


def moment(when: datetime) -> str:
    """Return a time with seven digits after the point, as .NET writes it."""
    return when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f0Z")


def _cut(description: str) -> str:
    """Return the beginning of a description; characters are counted as .NET counts them."""
    return description.encode("utf-16-le")[: 2 * LISTED_DESCRIPTION].decode("utf-16-le", "replace")


def commit_date(seconds: int) -> str:
    """Return the date of a commit; git takes years that Python has not."""
    if seconds >= datetime.max.replace(tzinfo=UTC).timestamp():
        return "10000-01-01T00:00:00Z"
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class AzureJson:
    """The JSON of one organization, whose pages lie at `site`."""

    def __init__(self, site: str) -> None:
        self._site = site

    def account(self, account: AzureAccount) -> dict[str, Any]:
        known = {"id": account.id, "displayName": account.person.name, "uniqueName": account.unique_name}
        more = {"isContainer": True} if account.is_container else {}
        return known | {"url": f"{self._site}/_apis/Identities/{account.id}"} | more

    def connection(self, account: AzureAccount) -> dict[str, Any]:
        """Return the connection data: the account of the caller."""
        user = {
            "id": account.id,
            "descriptor": f"aad.{account.id}",
            "providerDisplayName": account.person.name,
            "isActive": True,
            "properties": {"Account": {"$type": "System.String", "$value": account.unique_name}},
        }
        return {"authenticatedUser": user, "authorizedUser": user, "instanceId": "5" * 32, "deploymentType": "hosted"}

    def project(self, project: AzureDevOpsProject) -> dict[str, Any]:
        return {
            "id": project.id,
            "name": project.name,
            "url": f"{self._site}/_apis/projects/{project.id}",
            "state": "wellFormed",
            "visibility": "public" if project.is_public else "private",
        }

    def repository(self, repository: AzureRepository) -> dict[str, Any]:
        home = f"{self._site}/{quote(repository.project.name)}"
        more: dict[str, Any] = {"isFork": True} if repository.is_fork else {}
        if repository.default_branch in repository.branches:
            more["defaultBranch"] = f"refs/heads/{repository.default_branch}"
        return more | {
            "id": repository.id,
            "name": repository.name,
            "url": f"{home}/_apis/git/repositories/{repository.id}",
            "project": self.project(repository.project),
            "size": 728,
            "remoteUrl": f"{home}/_git/{quote(repository.name)}",
            "webUrl": f"{home}/_git/{quote(repository.name)}",
            "isDisabled": repository.is_disabled,
            "isInMaintenance": repository.is_in_maintenance,
        }

    def ref(self, repository: AzureRepository, name: str, oid: str) -> dict[str, Any]:
        creator = repository.creators.get(name, repository.world.ada)
        url = f"{self._site}/_apis/git/repositories/{repository.id}/refs?filter={quote(name.removeprefix('refs/'))}"
        return {"name": name, "objectId": oid, "creator": self.account(creator), "url": url}

    def commit(self, repository: AzureRepository, oid: str) -> dict[str, Any]:
        commit = repository.git.show_commit(oid)
        author, committer = (
            {"name": name, "email": address, "date": commit_date(at)}
            for name, address, at in (commit.author, commit.committer)
        )
        pusher = self.account(repository.pusher(oid))
        push = {"push": {"pushedBy": pusher, "pushId": 1, "date": committer["date"]}}
        return {
            "commitId": oid,
            "treeId": commit.tree,
            "parents": list(commit.parents),
            "author": author,
            "committer": committer,
            "comment": commit.message.rstrip("\n") + "\n",
            "url": f"{self._site}/_apis/git/repositories/{repository.id}/commits/{oid}",
        } | (push if repository.world.assumptions.shows_pusher else {})

    def listed_commit(self, repository: AzureRepository, oid: str) -> dict[str, Any]:
        """Return a commit as lists show it, which leave out its tree and its parents."""
        commit = _without_push(self.commit(repository, oid))
        return {key: commit[key] for key in commit.keys() - {"treeId", "parents"}}

    def tree(self, repository: AzureRepository, oid: str, *, is_recursive: bool) -> dict[str, Any]:
        entries = [self._tree_entry(repository, path, entry) for path, entry in _walk(repository, oid, is_recursive)]
        if not repository.world.assumptions.lists_whole_trees:
            entries = entries[: len(entries) // 2]
        url = f"{self._site}/_apis/git/repositories/{repository.id}/trees/{oid}"
        return {"objectId": oid, "url": url, "treeEntries": entries, "size": sum(each["size"] for each in entries)}

    def _tree_entry(self, repository: AzureRepository, path: str, entry: TreeEntry) -> dict[str, Any]:
        content = repository.git.objects.read(entry.oid) if entry.kind == "blob" else None
        return {
            "objectId": entry.oid,
            "relativePath": path,
            "mode": entry.mode.lstrip("0"),
            "gitObjectType": entry.kind,
            "size": len(content[1]) if content else 0,
            "url": f"{self._site}/_apis/git/repositories/{repository.id}/{entry.kind}s/{entry.oid}",
        }

    def ref_update(self, repository: AzureRepository, update: dict[str, Any], status: str) -> dict[str, Any]:
        names = ("name", "oldObjectId", "newObjectId")
        said = {name: update[name] for name in names} | {"repositoryId": repository.id, "isLocked": False}
        is_done = status in {"succeeded", "succeededNonExistentRef"}
        return said | {"updateStatus": status, "success": is_done}

    def push(
        self, repository: AzureRepository, account: AzureAccount, ref: str, old: str, commits: list[str]
    ) -> dict[str, Any]:
        update = {"repositoryId": repository.id, "name": ref, "oldObjectId": old, "newObjectId": commits[-1]}
        return {
            "commits": [_without_push(self.commit(repository, each)) for each in commits],
            "refUpdates": [update],
            "repository": self.repository(repository),
            "pushedBy": self.account(account),
            "pushId": repository.pushes,
            "date": moment(datetime.now(UTC)),
            "url": f"{self._site}/_apis/git/repositories/{repository.id}/pushes/{repository.pushes}",
        }

    def request(self, repository: AzureRepository, request: PullRequest, *, is_listed: bool = False) -> dict[str, Any]:
        """Return a pull request; only lists have labels, and they cut descriptions."""
        url = f"{self._site}/_apis/git/repositories/{repository.id}/pullRequests/{request.number}"
        shown = {
            "repository": self.repository(repository),
            "pullRequestId": request.number,
            "codeReviewId": request.number,
            "status": request.status,
            "createdBy": self.account(request.account),
            "creationDate": moment(request.created),
            "title": request.title,
            "description": _cut(request.description) if is_listed else request.description,
            "sourceRefName": f"refs/heads/{request.branch}",
            "targetRefName": f"refs/heads/{request.target}",
            "mergeStatus": request.merge_status,
            "isDraft": request.is_draft,
            "lastMergeSourceCommit": {"commitId": request.head, "url": url},
            "lastMergeTargetCommit": {"commitId": request.base, "url": url},
            "reviewers": [self.reviewer(each) for each in request.reviewers],
            "supportsIterations": True,
            "url": url,
        }
        return shown | dict(self._optional(request, is_listed=is_listed))

    def _optional(self, request: PullRequest, *, is_listed: bool) -> Iterator[tuple[str, Any]]:
        if is_listed and request.labels:
            yield "labels", [self.label(each) for each in request.labels]
        if request.closed is not None:
            yield "closedDate", moment(request.closed)
        if request.closed_by is not None:
            yield "closedBy", self.account(request.closed_by)
        if request.armed_by is not None:
            yield "autoCompleteSetBy", self.account(request.armed_by)
        if request.completion:
            yield "completionOptions", request.completion
        if request.merged_as is not None:
            yield "lastMergeCommit", {"commitId": request.merged_as}
        if request.source not in request.source.world.repositories or request.source.is_fork:
            yield "forkSource", {"name": f"refs/heads/{request.branch}", "objectId": request.head}

    def reviewer(self, reviewer: RequestReviewer) -> dict[str, Any]:
        more = {"vote": reviewer.vote, "isRequired": reviewer.is_required, "hasDeclined": False, "isFlagged": False}
        return self.account(reviewer.account) | more

    def label(self, label: tuple[str, str]) -> dict[str, Any]:
        return {"id": label[0], "name": label[1], "active": True}

    def comment(self, comment: ThreadComment, number: int) -> dict[str, Any]:
        return {
            "id": number,
            "parentCommentId": 0 if number == 1 else 1,
            "author": self.account(comment.author),
            "content": comment.content,
            "publishedDate": moment(comment.made),
            "lastUpdatedDate": moment(comment.made),
            "commentType": comment.kind,
        }

    def thread(self, thread: CommentThread) -> dict[str, Any]:
        comments = [self.comment(each, number) for number, each in enumerate(thread.comments, 1)]
        return {
            "id": thread.id,
            "publishedDate": comments[0]["publishedDate"],
            "lastUpdatedDate": comments[-1]["lastUpdatedDate"],
            "comments": comments,
            "status": thread.status,
            "threadContext": None,
            "pullRequestThreadContext": None,
            "properties": {key: _typed(value) for key, value in thread.properties.items()},
            "isDeleted": False,
        }

    def status(self, status: AzureStatus) -> dict[str, Any]:
        more = {"iterationId": status.iteration} if status.iteration is not None else {}
        return more | {
            "id": status.id,
            "state": status.state,
            "description": status.description,
            "context": {"genre": status.genre, "name": status.name},
            "targetUrl": status.url,
            "creationDate": moment(status.made),
            "updatedDate": moment(status.made),
            "createdBy": self.account(status.account),
        }

    def properties(self, request: PullRequest) -> dict[str, Any]:
        known = {
            "Microsoft.Git.PullRequest.SourceRefName": f"refs/heads/{request.branch}",
            "Microsoft.Git.PullRequest.TargetRefName": f"refs/heads/{request.target}",
        } | request.properties
        return {"value": {key: _typed(value) for key, value in known.items()}, "count": len(known)}

    def policy(self, policy: BranchPolicy, repository: AzureRepository) -> dict[str, Any]:
        scope = {
            "repositoryId": repository.id,
            "refName": policy.ref,
            "matchKind": "Prefix" if policy.is_prefix else "Exact",
        }
        return {
            "id": policy.id,
            "revision": 1,
            "type": {"id": policy.kind, "displayName": "A policy"},
            "isEnabled": True,
            "isBlocking": policy.is_blocking,
            "isDeleted": False,
            "settings": {**policy.settings, "scope": [scope]},
        }

    def evaluation(self, policy: BranchPolicy, repository: AzureRepository, request: PullRequest) -> dict[str, Any]:
        """Return the evaluation of a policy. A build applies to the branch as it was when the build began."""
        unmet_ids = {each.id for each in repository.list_unmet_policies(request)}
        build = request.builds.get(policy.id)
        context = {"buildId": 7, "lastMergeSourceCommitId": build.commit, "isExpired": False} if build else None
        return {
            "artifactId": f"vstfs:///CodeReview/CodeReviewId/{repository.project.id}/{request.number}",
            "configuration": self.policy(policy, repository),
            "context": context,
            "evaluationId": str(uuid.uuid5(uuid.NAMESPACE_OID, f"{policy.id}/{request.number}")),
            "status": build.status if build else "queued" if policy.id in unmet_ids else "approved",
        }


def _walk(repository: AzureRepository, oid: str, is_recursive: bool) -> Iterator[tuple[str, TreeEntry]]:
    """Yield the entries of a tree with their paths below it, folders included."""
    options = ["-r", "-t"] if is_recursive else []
    listed = repository.git.run("ls-tree", "-z", *options, oid).decode("utf-8", "replace")
    for line in listed.split("\0")[:-1]:
        attributes, _, path = line.partition("\t")
        mode, _, entry = attributes.split()
        yield path, TreeEntry(mode, entry)


def _without_push(commit: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in commit.items() if key != "push"}


def _typed(value: str) -> dict[str, str]:
    """Return a property; a value that looks like a time becomes a time."""
    try:
        datetime.strptime(value, "%Y-%m-%dT%H:%M:%S.%f0Z")  # noqa: DTZ007 - only its form counts
    except ValueError:
        return {"$type": "System.String", "$value": value}
    return {"$type": "System.DateTime", "$value": value}
