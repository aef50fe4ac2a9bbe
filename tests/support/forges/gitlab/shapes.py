"""JSON of GitLab: each function returns the JSON of one resource."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from support.forges.gitlab.contract import answer
from support.forges.gitlab.state import (
    GitLabIssue,
    GitLabMilestone,
    GitLabNote,
    GitLabProject,
    GitLabStatus,
    GitLabToken,
    GitLabUser,
    MergeRequest,
)
from support.git import DiskRepository

_PROJECT = "/projects/{id}"
_REQUESTS = f"{_PROJECT}/merge_requests"
_REQUEST = f"{_REQUESTS}/{{merge_request_iid}}"
DAY = "2026-11-25T08:00:00.000Z"


def commit_date(seconds: str) -> str | None:
    """Return the date of a commit; git takes years that Python has not."""
    if int(seconds) >= datetime.max.replace(tzinfo=UTC).timestamp():
        return "10000-01-01T00:00:00.000Z"
    return moment(datetime.fromtimestamp(int(seconds), UTC))


def moment(when: datetime | None) -> str | None:
    return when.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z") if when else None


class GitLabJson:
    """The JSON of one GitLab, whose pages lie at `site`."""

    def __init__(self, site: str) -> None:
        self._site = site

    def user(self, user: GitLabUser) -> dict[str, Any]:
        """Return the public JSON of a user."""
        url = f"{self._site}/{user.username}"
        known = {"id": user.id, "username": user.username, "name": user.username, "state": "active", "locked": False}
        return known | {"avatar_url": None, "web_url": url}

    def current_user(self, user: GitLabUser) -> dict[str, Any]:
        return answer("get /user", **self.user(user), bot=False, email=user.emails[-1], commit_email=user.emails[0])

    def token(self, token: GitLabToken) -> dict[str, Any]:
        known = {"id": 1, "name": "bump", "revoked": False, "active": True, "user_id": token.user.id}
        dates = {"created_at": DAY, "last_used_at": DAY, "expires_at": "2027-11-25"}
        return answer("get /personal_access_tokens/self", **known, **dates, scopes=[token.scope])

    def member(self, user: GitLabUser, level: int) -> dict[str, Any]:
        known = self.user(user) | {"access_level": level, "created_at": DAY, "membership_state": "active"}
        return answer(f"get {_PROJECT}/members/all/{{user_id}}", **known)

    def protected_branch(self, name: str) -> dict[str, Any]:
        level = {"id": 1, "access_level": 40, "access_level_description": "Maintainers"}
        levels = {"push_access_levels": [level], "merge_access_levels": [level], "unprotect_access_levels": []}
        return answer(f"get {_PROJECT}/protected_branches", id=1, name=name, allow_force_push=False, **levels)

    def project(self, project: GitLabProject, operation: str = f"get {_PROJECT}") -> dict[str, Any]:
        namespace, _, short = project.path.rpartition("/")
        return answer(
            operation,
            id=project.id,
            name=short,
            path=short,
            path_with_namespace=project.path,
            name_with_namespace=project.path.replace("/", " / "),
            default_branch=project.default_branch if project.branches and project.shows_code else None,
            empty_repo=not project.branches,
            archived=project.archived,
            visibility=project.visibility,
            web_url=f"{self._site}/{project.path}",
            http_url_to_repo=f"{self._site}/{project.path}.git",
            ssh_url_to_repo=f"git@127.0.0.1:{project.path}.git",
            created_at=DAY,
            last_activity_at=DAY,
            namespace={"id": 1, "name": namespace, "path": namespace, "kind": "group", "full_path": namespace},
            topics=list(project.topics),
            marked_for_deletion_on=project.marked_for_deletion,
            forked_from_project={"id": 1} if project.is_fork else None,
            tag_list=[],
            merge_requests_enabled=project.takes_requests,
            merge_method=project.merge_method,
            only_allow_merge_if_pipeline_succeeds=project.requires_pipeline,
            forks_count=0,
            star_count=0,
        )

    def commit(self, project: GitLabProject, oid: str) -> dict[str, Any]:
        read = _read_commit(project.git, oid)
        url = f"{self._site}/{project.path}/-/commit/{oid}"
        return answer(f"get {_PROJECT}/repository/commits", **read, web_url=url)

    def commit_detail(self, project: GitLabProject, oid: str) -> dict[str, Any]:
        known = self.commit(project, oid) | {"project_id": project.id, "status": None, "last_pipeline": None}
        return answer(f"post {_PROJECT}/repository/commits", **known)

    def branch(self, project: GitLabProject, name: str) -> dict[str, Any]:
        return answer(
            f"get {_PROJECT}/repository/branches",
            name=name,
            commit=self.commit(project, project.branches[name]),
            merged=False,
            protected=name in project.protected,
            developers_can_push=False,
            developers_can_merge=False,
            can_push=name not in project.protected,
            default=name == project.default_branch,
            web_url=f"{self._site}/{project.path}/-/tree/{name}",
        )

    def request(self, project: GitLabProject, request: MergeRequest) -> dict[str, Any]:
        """Return a merge request as in lists, with the merge status of the last check."""
        status, conflicts = self._merge_status(project, request)
        return answer(
            f"get {_REQUESTS}",
            id=project.id * 1000 + request.number,
            iid=request.number,
            project_id=project.id,
            title=request.title,
            description=request.description,
            state=request.state,
            created_at=moment(request.created),
            updated_at=moment(request.updated),
            closed_at=moment(request.closed),
            merged_at=moment(request.merged),
            target_branch=request.target,
            source_branch=request.branch,
            author=self.user(request.user),
            assignees=[self.user(each) for each in request.assignees],
            reviewers=[self.user(each) for each in request.reviewers],
            milestone=self.milestone(request.milestone) if request.milestone else None,
            source_project_id=None if request.is_orphaned else request.source.id,
            target_project_id=project.id,
            labels=list(request.labels),
            draft=request.is_draft,
            work_in_progress=request.is_draft,
            merge_when_pipeline_succeeds=request.armed_by is not None,
            merge_user=self.user(request.armed_by) if request.armed_by else None,
            merge_status="cannot_be_merged" if conflicts else "can_be_merged",
            detailed_merge_status=status,
            has_conflicts=conflicts,
            sha=request.head,
            user_notes_count=len([each for each in request.notes if not each.system]),
            upvotes=0,
            downvotes=0,
            reference=f"!{request.number}",
            references={"short": f"!{request.number}", "full": f"{project.path}!{request.number}"},
            web_url=f"{self._site}/{project.path}/-/merge_requests/{request.number}",
            task_completion_status={"count": 0, "completed_count": 0},
            time_stats={"time_estimate": 0, "total_time_spent": 0},
            squash=False,
            squash_on_merge=False,
        )

    def one_request(self, project: GitLabProject, request: MergeRequest) -> dict[str, Any]:
        """Return a single merge request; this makes GitLab check whether it can be merged."""
        pipeline = request.pipeline
        head = None
        if pipeline is not None:
            known = {"sha": pipeline.sha, "ref": pipeline.ref, "status": pipeline.status, "source": pipeline.source}
            head = {"id": 1, **known}
        shown = answer(f"get {_REQUEST}", **self.request(project, request), head_pipeline=head)
        if request.state == "opened":
            request.checked = (project.branches[request.target], request.head)
        return shown

    def status(self, status: GitLabStatus, author: GitLabUser, operation: str) -> dict[str, Any]:
        words = {"status": status.state, "name": status.name, "description": status.description}
        words["target_url"] = status.url
        return answer(operation, id=status.id, sha=status.sha, ref=status.ref, author=self.user(author), **words)

    def note(self, project: GitLabProject, request: MergeRequest, note: GitLabNote) -> dict[str, Any]:
        return answer(
            f"get {_REQUEST}/notes",
            id=note.id,
            body=note.body,
            author=self.user(note.user),
            created_at=note.made.isoformat(),
            updated_at=note.made.isoformat(),
            system=note.system,
            noteable_id=project.id * 1000 + request.number,
            noteable_type="MergeRequest",
            noteable_iid=request.number,
            project_id=project.id,
            resolvable=False,
            confidential=False,
            internal=False,
        )

    def milestone(self, milestone: GitLabMilestone) -> dict[str, Any]:
        url = f"{self._site}/-/milestones/{milestone.id}"
        known = {"id": milestone.id, "iid": milestone.id, "title": milestone.title, "state": milestone.state}
        return answer(f"get {_PROJECT}/milestones", **known, description="", web_url=url)

    def event(self, kind: str, request: MergeRequest, action: str, what: dict[str, Any] | None) -> dict[str, Any]:
        """Return an event of a label or a milestone, `kind`; None if it was deleted later."""
        return answer(
            f"get {_PROJECT}/merge_requests/{{eventable_id}}/resource_{kind}_events",
            id=1,
            user=self.user(request.user),
            created_at=DAY,
            resource_type="MergeRequest",
            resource_id=request.number,
            action=action,
            **{kind: what},
        )

    def issue(self, project: GitLabProject, issue: GitLabIssue) -> dict[str, Any]:
        return answer(
            f"get {_PROJECT}/issues",
            id=project.id * 1000 + issue.number,
            iid=issue.number,
            project_id=project.id,
            title=issue.title,
            description=issue.description,
            state=issue.state,
            created_at=DAY,
            updated_at=DAY,
            labels=list(issue.labels),
            author=self.user(issue.user),
            web_url=f"{self._site}/{project.path}/-/issues/{issue.number}",
        )

    def _merge_status(self, project: GitLabProject, request: MergeRequest) -> tuple[str, bool]:
        """Return the detailed status and the conflict flag, which are unknown on the first request."""
        if request.state != "opened":
            return "not_open", False
        asked = (project.branches[request.target], request.head)
        if request.checked != asked:
            return "unchecked", False
        if project.conflicts(request):
            return "conflict", True
        if project.merge_method != "merge" and not project.git.has(request.head, asked[0]):
            return "need_rebase", False
        return "draft_status" if request.is_draft else "mergeable", False


def _read_commit(git: DiskRepository, oid: str) -> dict[str, Any]:
    commit = git.show_commit(oid)
    author_name, author_email, authored = commit.author
    committer_name, committer_email, committed = commit.committer
    dates = [commit_date(str(each)) for each in (authored, committed)]
    return {
        "id": oid,
        "short_id": oid[:8],
        "created_at": dates[1],
        "parent_ids": list(commit.parents),
        "title": commit.message.partition("\n")[0],
        "message": commit.message,
        "author_name": author_name,
        "author_email": author_email,
        "authored_date": dates[0],
        "committer_name": committer_name,
        "committer_email": committer_email,
        "committed_date": dates[1],
        "trailers": {},
        "extended_trailers": {},
    }
