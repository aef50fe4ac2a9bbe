"""JSON of Gitea and Forgejo: each method returns the JSON of one resource."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from support.forges.gitea.contract import answer
from support.forges.gitea.state import (
    GiteaEvent,
    GiteaIssue,
    GiteaPull,
    GiteaRepository,
    GiteaReview,
    GiteaStatus,
    GiteaToken,
    GiteaUser,
)

DAY = "2026-11-25T08:00:00Z"
_PERSON_KINDS = {"assignees": "assignee", "review_request": "assignee"}


def moment(when: datetime | None) -> str | None:
    return when.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z") if when else None


def commit_date(seconds: int) -> str:
    """Return the date of a commit; git takes years that Python has not."""
    if seconds >= datetime.max.replace(tzinfo=UTC).timestamp():
        return "10000-01-01T00:00:00Z"
    return str(moment(datetime.fromtimestamp(seconds, UTC)))


class GiteaJson:
    """The JSON of one server, whose pages lie at `site`."""

    def __init__(self, server: str, site: str, users: Mapping[str, GiteaUser]) -> None:
        self._server = server
        self._site = site
        self._users = users

    def make(self, definition: str, **known: object) -> dict[str, Any]:
        return answer(self._server, definition, **known)

    def user(self, user: GiteaUser, *, is_self: bool = False) -> dict[str, Any]:
        return self.make(
            "User",
            id=user.id,
            login=user.login,
            email=user.email if is_self else f"{user.login}@noreply.example.org",
            is_admin=user.is_admin and is_self,
            visibility=user.visibility,
            created=DAY,
        )

    def repository(self, repository: GiteaRepository, token: GiteaToken | None) -> dict[str, Any]:
        url = f"{self._site}/{repository.name}"
        is_member = token is not None and token.user.login in {repository.owner.login, *repository.members}
        can_push = is_member and token is not None and token.can_write
        styles = {
            "allow_merge_commits": "merge",
            "allow_squash_merge": "squash",
            "allow_rebase": "rebase",
            "allow_rebase_explicit": "rebase-merge",
            "allow_fast_forward_only_merge": "fast-forward-only",
        }
        return self.make(
            "Repository",
            id=repository.id,
            name=repository.short_name,
            full_name=repository.name,
            owner=self.user(repository.owner),
            private=repository.private,
            archived=repository.archived,
            mirror=repository.mirror,
            fork=repository.fork,
            empty=not repository.branches,
            topics=list(repository.topics),
            default_branch=repository.default_branch,
            has_pull_requests=repository.takes_requests,
            has_issues=True,
            permissions=self.make("Permission", admin=False, push=can_push, pull=True),
            default_merge_style="merge",
            html_url=url,
            clone_url=f"{url}.git",
            object_format_name="sha1",
            created_at=DAY,
            updated_at=DAY,
            **{key: style in repository.merge_styles for key, style in styles.items()},
        )

    def tree_entry(self, path: str, mode: str, kind: str, oid: str, size: int) -> dict[str, Any]:
        return self.make("GitEntry", path=path, mode=mode, type=kind, sha=oid, size=size)

    def blob(self, oid: str, content: bytes) -> dict[str, Any]:
        definition = "GitBlobResponse" if self._server == "gitea" else "GitBlob"
        encoded = base64.b64encode(content).decode()
        return self.make(definition, sha=oid, size=len(content), encoding="base64", content=encoded)

    def file(self, path: str, oid: str, content: bytes) -> dict[str, Any]:
        encoded = base64.b64encode(content).decode()
        known = {"name": path.rpartition("/")[2], "path": path, "sha": oid, "type": "file", "size": len(content)}
        return self.make("ContentsResponse", **known, encoding="base64", content=encoded)

    def commit(self, repository: GiteaRepository, oid: str) -> dict[str, Any]:
        commit = repository.git.show_commit(oid)
        users = {each.email: each for each in self._users.values()}

        def person(who: tuple[str, str, int]) -> dict[str, Any]:
            return self.make("CommitUser", name=who[0], email=who[1], date=commit_date(who[2]))

        def account(who: tuple[str, str, int]) -> dict[str, Any] | None:
            return self.user(users[who[1]]) if who[1] in users else None

        return self.make(
            "Commit",
            sha=oid,
            created=commit_date(commit.committer[2]),
            parents=[self.make("CommitMeta", sha=each) for each in commit.parents],
            author=account(commit.author),
            committer=account(commit.committer),
            commit=self.make(
                "RepoCommit",
                message=commit.message,
                author=person(commit.author),
                committer=person(commit.committer),
                tree=self.make("CommitMeta", sha=commit.tree),
            ),
        )

    def branch(self, repository: GiteaRepository, name: str, rule: dict[str, object]) -> dict[str, Any]:
        commit = self.make("PayloadCommit", id=repository.branches[name], timestamp=DAY)
        contexts = rule.get("status_check_contexts", [])
        known = {"enable_status_check": bool(contexts), "status_check_contexts": contexts}
        return self.make("Branch", name=name, commit=commit, protected=bool(rule), **known)

    def protection(self, name: str, rule: dict[str, object]) -> dict[str, Any]:
        return self.make("BranchProtection", rule_name=name, branch_name=name, **rule)

    def reference(self, ref: str, oid: str) -> dict[str, Any]:
        return self.make("Reference", ref=ref, object=self.make("GitObject", type="commit", sha=oid))

    def label(self, repository: GiteaRepository, name: str) -> dict[str, Any]:
        return self.make("Label", id=repository.labels.get(name, 9999), name=name, color="1d63ed")

    def milestone(self, title: str, number: int) -> dict[str, Any]:
        return self.make("Milestone", id=number, title=title, state="open")

    def status(self, status: GiteaStatus) -> dict[str, Any]:
        known = {"id": status.id, "context": status.context, "status": status.state, "description": status.description}
        known["target_url"] = status.url
        return self.make("CommitStatus", **known, creator=self.user(status.creator), created_at=DAY)

    def comment(self, event: GiteaEvent) -> dict[str, Any]:
        known = {"id": event.id, "body": event.body, "user": self.user(event.user)}
        return self.make("Comment", **known, created_at=moment(event.at))

    def event(self, repository: GiteaRepository, event: GiteaEvent) -> dict[str, Any]:
        known: dict[str, Any] = {"id": event.id, "type": event.kind, "body": event.body, "user": self.user(event.user)}
        if event.kind == "label":
            known["label"] = self.label(repository, event.subject)
        elif event.kind == "milestone":
            known["milestone"] = self.milestone(event.subject, 1)
        elif event.kind in _PERSON_KINDS and event.subject.startswith("team:"):
            known["assignee_team"] = self.make("Team", name=event.subject.removeprefix("team:"), permission="write")
        elif event.kind in _PERSON_KINDS:
            known["assignee"] = self.user(GiteaUser(event.subject, 1, f"{event.subject}@example.org"))
        return self.make("TimelineComment", **known, created_at=moment(event.at))

    def review(self, review: GiteaReview) -> dict[str, Any]:
        known = {"state": review.state, "official": review.official, "dismissed": review.dismissed}
        return self.make("PullReview", **known, user=self.user(review.user), submitted_at=DAY)

    def issue(self, repository: GiteaRepository, issue: GiteaIssue) -> dict[str, Any]:
        return self.make("Issue", **self._issue(repository, issue))

    def pull(self, repository: GiteaRepository, pull: GiteaPull, *, is_mergeable: bool) -> dict[str, Any]:
        """Return a pull request. If its branch is gone, or was none, its ref is that of its commits."""
        is_branch = not pull.is_agit and pull.source is not None and pull.branch in pull.source.git.branches()
        source = pull.source
        head = self.make(
            "PRBranchInfo",
            label=pull.branch,
            ref=pull.branch if is_branch else f"refs/pull/{pull.number}/head",
            sha=pull.head,
            repo_id=source.id if source is not None else -1,
            repo=self.repository(source, None) if source is not None else None,
        )
        base = self.make(
            "PRBranchInfo",
            label=pull.base,
            ref=pull.base,
            sha=repository.branches.get(pull.base, ""),
            repo_id=repository.id,
            repo=self.repository(repository, None),
        )
        return self.make(
            "PullRequest",
            **self._issue(repository, pull),
            **({"flow": int(pull.is_agit)} if self._server == "forgejo" else {}),
            head=head,
            base=base,
            draft=pull.draft,
            mergeable=is_mergeable and not pull.draft,
            merged=pull.merged is not None,
            merged_at=moment(pull.merged),
            requested_reviewers=[],
        )

    def _issue(self, repository: GiteaRepository, issue: GiteaIssue) -> dict[str, Any]:
        kind = "pulls" if isinstance(issue, GiteaPull) else "issues"
        return {
            "id": issue.number,
            "number": issue.number,
            "user": self.user(issue.user),
            "title": issue.title,
            "body": issue.body,
            "state": issue.state,
            "labels": [self.label(repository, each) for each in issue.labels],
            "assignees": [self.user(self._users[each]) for each in issue.assignees] or None,
            "milestone": self.milestone(issue.milestone, 1) if issue.milestone else None,
            "created_at": moment(issue.created),
            "updated_at": moment(issue.updated),
            "closed_at": moment(issue.closed),
            "html_url": f"{self._site}/{repository.name}/{kind}/{issue.number}",
        }
