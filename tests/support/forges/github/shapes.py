"""JSON of GitHub: each function returns the JSON of one resource."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from support.forges.github.contract import answer, answer_of
from support.forges.github.runs import WorkflowRun
from support.forges.github.state import (
    AppInstallation,
    GitHubActor,
    GitHubApp,
    GitHubComment,
    GitHubIssue,
    GitHubPull,
    GitHubRepository,
    GitHubReview,
    GitHubStatus,
    GitHubToken,
)
from support.forges.github.world import WEB_FLOW, GitHubWorld
from support.git import DiskRepository

_NOTHING = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"
"""Git's empty tree."""
_NOBODY = {"repo": None, "user": None, "label": None}
"""The head of a pull request whose fork was deleted."""


def moment(when: datetime | None) -> str | None:
    return when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if when else None


class GitHubJson:
    """The JSON of one GitHub, whose addresses begin with `root`."""

    def __init__(self, root: str, world: GitHubWorld) -> None:
        self._root = root
        self._world = world

    def account(self, account: GitHubActor, schema: str = "simple-user") -> dict[str, Any]:
        url = f"{self._root}/users/{quote(account.login)}"
        view = {"user_view_type": schema.partition("-")[0]} if schema in ("private-user", "public-user") else {}
        return answer(schema, login=account.login, id=account.id, type=account.kind, url=url, **view)

    def app(self, app: GitHubApp) -> dict[str, Any]:
        owner = self.account(self._world.accounts[f"{app.slug}[bot]"])
        return answer("integration", id=app.id, slug=app.slug, name=app.slug, owner=owner)

    def installation(self, installation: AppInstallation) -> dict[str, Any]:
        return answer_of(
            "get /app/installations",
            id=installation.id,
            app_id=installation.app.id,
            app_slug=installation.app.slug,
            account=self.account(installation.account),
            target_type=installation.account.kind,
            permissions=dict(installation.permissions),
            repository_selection="all" if installation.only is None else "selected",
            suspended_at=moment(installation.suspended),
        )

    def installation_token(self, secret: str, token: GitHubToken) -> dict[str, Any]:
        permissions = dict(token.permissions or {})
        return answer("installation-token", token=secret, expires_at=moment(token.expires), permissions=permissions)

    def repository(self, repository: GitHubRepository, schema: str) -> dict[str, Any]:
        return answer(
            schema,
            id=repository.id,
            node_id=repository.node,
            name=repository.short_name,
            full_name=repository.name,
            owner=self.account(repository.owner),
            private=repository.private,
            fork=repository.fork,
            archived=repository.archived,
            disabled=repository.disabled,
            topics=list(repository.topics),
            default_branch=repository.default_branch,
            url=self._of(repository),
        )

    def reference(self, repository: GitHubRepository, name: str, commit: str) -> dict[str, Any]:
        url = f"{self._of(repository)}/git/{name}"
        target = {"type": "commit", "sha": commit, "url": f"{self._of(repository)}/git/commits/{commit}"}
        return answer("git-ref", ref=name, url=url, object=target)

    def tree(self, repository: GitHubRepository, oid: str, *, recursive: bool) -> dict[str, Any]:
        """List a tree; the trees on the way are entries, too."""
        options = ["-r", "-t"] if recursive else []
        listed = repository.git.run("ls-tree", "-z", "--long", "--full-tree", *options, oid)
        entries = []
        for line in listed.decode(errors="replace").split("\0")[:-1]:
            attributes, _, path = line.partition("\t")
            mode, kind, blob, size = attributes.split()
            url = f"{self._of(repository)}/git/{kind}s/{blob}"
            entry: dict[str, Any] = {"path": path, "mode": mode, "type": kind, "sha": blob, "url": url}
            entries.append(entry | ({"size": int(size)} if kind == "blob" else {}))
        limit = repository.truncate_at
        is_cut = recursive and limit is not None and len(entries) > limit
        return answer("git-tree", sha=oid, truncated=is_cut, tree=entries[:limit] if is_cut else entries)

    def status(self, repository: GitHubRepository, commit: str, status: GitHubStatus, schema: str) -> dict[str, Any]:
        url = f"{self._of(repository)}/statuses/{commit}"
        words = {"state": status.state, "description": status.description, "context": status.context}
        return answer(schema, id=status.id, url=url, creator=self.account(status.creator), **words)

    def run(self, repository: GitHubRepository, run: WorkflowRun) -> dict[str, Any]:
        small = self.repository(repository, "minimal-repository")
        known = {"path": f".github/workflows/{run.workflow}", "event": run.event, "head_branch": run.branch}
        return answer(
            "workflow-run",
            id=run.id,
            head_sha=run.commit,
            status="queued",
            pull_requests=[],
            repository=small,
            head_repository=small,
            **known,
        )

    def git_commit(self, repository: GitHubRepository, oid: str) -> dict[str, Any]:
        """Return a commit as the Git Data API shows it."""
        read = _read_commit(repository.git, oid)
        url = f"{self._of(repository)}/git/commits/{oid}"
        tree = {"sha": read["tree"], "url": f"{self._of(repository)}/git/trees/{read['tree']}"}
        parents = [
            {"sha": each, "url": f"{self._of(repository)}/git/commits/{each}", "html_url": url}
            for each in read["parents"]
        ]
        return answer(
            "git-commit",
            sha=oid,
            url=url,
            author=read["author"],
            committer=read["committer"],
            message=read["message"],
            tree=tree,
            parents=parents,
        )

    def commit(self, repository: GitHubRepository, oid: str) -> dict[str, Any]:
        """Return a commit as the repository shows it: with the accounts that its addresses belong to."""
        read = _read_commit(repository.git, oid)
        url = f"{self._of(repository)}/commits/{oid}"
        tree = {"sha": read["tree"], "url": f"{self._of(repository)}/git/trees/{read['tree']}"}
        inner = {key: read[key] for key in ("author", "committer", "message")}
        return answer(
            "commit",
            sha=oid,
            url=url,
            commit=inner
            | {"tree": tree, "url": url, "comment_count": 0, "verification": _verification(repository, oid)},
            author=self._known(read["author"]["email"]),
            committer=self._known(read["committer"]["email"]),
            parents=[{"sha": each, "url": f"{self._of(repository)}/commits/{each}"} for each in read["parents"]],
            files=self._changes(repository, f"{oid}^1" if read["parents"] else _NOTHING, oid),
        )

    def comparison(self, repository: GitHubRepository, base: str, head: str, most: int) -> dict[str, Any]:
        """Return up to `most` commits of `head` that `base` lacks, and the files changed since the merge base."""
        git = repository.git
        parted = git.run("merge-base", base, head).decode().strip()
        ahead = [each.oid for each in git.log(head, without=base)][::-1]
        behind = len(git.log(base, without=head))
        states = {(False, False): "identical", (True, False): "ahead", (False, True): "behind"}
        return answer(
            "commit-comparison",
            url=f"{self._of(repository)}/compare/{base}...{head}",
            base_commit=self.commit(repository, base),
            merge_base_commit=self.commit(repository, parted),
            status=states.get((bool(ahead), bool(behind)), "diverged"),
            ahead_by=len(ahead),
            behind_by=behind,
            total_commits=len(ahead),
            commits=[self.commit(repository, each) for each in ahead[:most]],
            files=self._changes(repository, parted, head),
        )

    def _changes(self, repository: GitHubRepository, before: str, after: str) -> list[dict[str, Any]]:
        """Return the files that differ between two trees; binary files have no patch."""
        git, changes = repository.git, []
        listed = git.run("diff", "--raw", "--no-renames", "--abbrev=40", "-z", before, after).decode().split("\0")[:-1]
        printed = git.run("diff", "--no-renames", before, after).decode(errors="replace") if listed else ""
        patches = iter(re.split(r"^(?=diff --git )", printed, flags=re.MULTILINE)[1:])
        for attributes, path in zip(listed[::2], listed[1::2], strict=True):
            _, _, old, new, kind = attributes.split()
            patch = next(patches) + (next(patches) if kind == "T" else "")
            _, at, hunks = patch.partition("\n@@ ")
            lines = [line[:1] for line in hunks.split("\n")[1:]]
            entry = answer(
                "diff-entry",
                filename=path,
                sha=new if kind != "D" else old,
                status={"A": "added", "D": "removed", "T": "changed"}.get(kind, "modified"),
                additions=lines.count("+"),
                deletions=lines.count("-"),
                changes=lines.count("+") + lines.count("-"),
            )
            changes.append(entry | ({"patch": "@@ " + hunks.rstrip("\n")} if at else {}))
        return changes

    def pull(self, repository: GitHubRepository, pull: GitHubPull, schema: str) -> dict[str, Any]:
        url = f"{self._of(repository)}/pulls/{pull.number}"
        issue = f"{self._of(repository)}/issues/{pull.number}"
        base = repository.branches.get(pull.base, pull.head)
        auto_merge = answer_auto_merge(self.account(pull.auto_merge)) if pull.auto_merge else None
        known = {
            "number": pull.number,
            "node_id": pull.node(repository),
            "url": url,
            "issue_url": issue,
            "html_url": f"{self._root}/{repository.name}/pull/{pull.number}",
            "state": pull.state,
            "title": pull.title,
            "body": pull.body,
            "user": self.account(pull.account),
            "created_at": moment(pull.created),
            "updated_at": moment(pull.updated),
            "closed_at": moment(pull.closed),
            "merged_at": moment(pull.merged),
            "auto_merge": auto_merge,
            "draft": pull.draft,
            "labels": [self.label(repository, each) for each in pull.labels],
            "head": self._end(pull.source, pull.branch, pull.head) | (_NOBODY if pull.is_orphaned else {}),
            "base": self._end(repository, pull.base, base),
        }
        return answer(schema, **known)

    def merge_state(self, repository: GitHubRepository, pull: GitHubPull) -> dict[str, Any]:
        """Return the mergeability: null on the first request, which makes GitHub compute it."""
        if pull.state != "open":
            return {"merged": pull.merged is not None, "mergeable": None, "mergeable_state": "unknown"}
        asked = (repository.branches[pull.base], pull.head)
        if pull.merge_checked != asked:
            pull.merge_checked = asked
            return {"merged": False, "mergeable": None, "mergeable_state": "unknown"}
        conflicts = repository.conflicts(pull)
        is_behind = not repository.git.has(pull.head, repository.branches[pull.base])
        wants_current = repository.strict_rules or repository.strict_protection
        state = "behind" if wants_current and is_behind and not repository.is_blocked else "clean"
        return {"merged": False, "mergeable": not conflicts, "mergeable_state": "dirty" if conflicts else state}

    def label(self, repository: GitHubRepository, name: str) -> dict[str, Any]:
        url = f"{self._of(repository)}/labels/{quote(name)}"
        colour, description = repository.labels[name]
        return answer("label", name=name, url=url, color=colour, description=description)

    def milestone(self, repository: GitHubRepository, title: str, number: int) -> dict[str, Any]:
        url = f"{self._of(repository)}/milestones/{number}"
        return answer("milestone", title=title, number=number, state="open", url=url)

    def pull_as_issue(self, repository: GitHubRepository, pull: GitHubPull) -> dict[str, Any]:
        """Return a pull request as an issue."""
        return answer(
            "issue",
            number=pull.number,
            state=pull.state,
            title=pull.title,
            user=self.account(pull.account),
            url=f"{self._of(repository)}/issues/{pull.number}",
            assignees=[self.account(self._world.accounts[each]) for each in pull.assignees],
            milestone=self.milestone(repository, pull.milestone, repository.milestones[pull.milestone])
            if pull.milestone
            else None,
        )

    def issue(self, repository: GitHubRepository, issue: GitHubIssue) -> dict[str, Any]:
        url = f"{self._of(repository)}/issues/{issue.number}"
        return answer(
            "issue",
            number=issue.number,
            url=url,
            repository_url=self._of(repository),
            html_url=f"{self._root}/{repository.name}/issues/{issue.number}",
            state=issue.state,
            title=issue.title,
            body=issue.body,
            updated_at=moment(issue.updated),
            user=self.account(issue.account) if issue.account is not None else None,
            labels=[self.label(repository, each) for each in issue.labels],
        )

    def review(self, repository: GitHubRepository, pull: GitHubPull, review: GitHubReview) -> dict[str, Any]:
        return answer(
            "pull-request-review",
            id=review.id,
            user=self.account(review.account),
            state=review.state,
            commit_id=pull.head,
            author_association="COLLABORATOR" if review.is_writers else "NONE",
            pull_request_url=f"{self._of(repository)}/pulls/{pull.number}",
        )

    def comment(self, repository: GitHubRepository, pull: GitHubPull, comment: GitHubComment) -> dict[str, Any]:
        issue = f"{self._of(repository)}/issues/{pull.number}"
        return answer(
            "issue-comment",
            id=comment.id,
            body=comment.body,
            user=self.account(comment.account),
            issue_url=issue,
            url=f"{self._of(repository)}/issues/comments/{comment.id}",
        )

    def _of(self, repository: GitHubRepository) -> str:
        return f"{self._root}/repos/{repository.name}"

    def _end(self, repository: GitHubRepository, branch: str, commit: str) -> dict[str, Any]:
        return {
            "label": f"{repository.owner.login}:{branch}",
            "ref": branch,
            "sha": commit,
            "user": self.account(repository.owner),
            "repo": self.repository(repository, "repository"),
        }

    def _known(self, email: str) -> dict[str, Any] | None:
        account = self._world.who(email)
        return self.account(account) if account else None


def answer_auto_merge(enabled_by: dict[str, Any]) -> dict[str, Any]:
    return {"enabled_by": enabled_by, "merge_method": "squash", "commit_title": "", "commit_message": ""}


def _read_commit(git: DiskRepository, oid: str) -> dict[str, Any]:
    commit = git.show_commit(oid)
    return {
        "tree": commit.tree,
        "parents": list(commit.parents),
        "author": _git_user(*commit.author),
        "committer": _git_user(*commit.committer),
        "message": commit.message.rstrip("\n"),
    }


def _git_user(name: str, email: str, seconds: int) -> dict[str, str | None]:
    return {"name": name, "email": email, "date": moment(datetime.fromtimestamp(seconds, UTC))}


def _verification(repository: GitHubRepository, oid: str) -> dict[str, Any]:
    is_signed = oid in repository.signed
    reason = "valid" if is_signed else "unsigned"
    return answer("verification", verified=is_signed, reason=reason, signature=None, payload=None)


def committer_of(account: GitHubActor, *, is_app: bool):
    """Return the committer for an account; for an App, GitHub commits and signs."""
    return WEB_FLOW if is_app else account.person
