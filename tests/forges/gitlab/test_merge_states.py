"""Whether GitLab requires branches to be up to date: the merge method, and merge states."""

from __future__ import annotations

import pytest
from support.forges.contract_scene import BRANCH, PREFIX, open_one, propose, push

from bot.model.errors import ForgeError


@pytest.fixture
def outdated_gitlab(gitlab):
    """Return a GitLab with a merge request of ours whose base moved on."""
    propose(gitlab)
    gitlab.commit("main", {"README.md": "Elsewhere.\n"})
    return gitlab


def requires_current_base(stand) -> bool:
    seen = open_one(stand)
    assert seen.is_behind
    assert not seen.has_conflicts
    return seen.must_be_current


def test_branch_need_not_be_up_to_date_if_project_uses_merge_commits(outdated_gitlab):
    assert not requires_current_base(outdated_gitlab)


@pytest.mark.parametrize("method", ["ff", "rebase_merge"])
@pytest.mark.parametrize("is_draft", [False, True], ids=["ready", "draft"])
def test_fast_forward_or_rebase_merge_requires_up_to_date_branch(outdated_gitlab, method, is_draft):
    outdated_gitlab.project.merge_method = method
    if is_draft:
        outdated_gitlab.project.open_request(BRANCH).title = "Draft: Mine"
    assert requires_current_base(outdated_gitlab)


def test_merge_state_shows_up_to_date_requirement_if_merge_method_is_hidden(outdated_gitlab):
    outdated_gitlab.project.merge_method = "ff"
    reply = outdated_gitlab.server.reply_of(f"/projects/{outdated_gitlab.project.id}")
    reply.body["merge_method"] = None
    forge = outdated_gitlab.forge()
    outdated_gitlab.server.fail(rf"GET /projects/{outdated_gitlab.project.id}$", reply)
    (seen,) = forge.list_requests(PREFIX, frozenset({BRANCH}))
    assert (seen.must_be_current, seen.has_conflicts) == (True, False)


def test_branch_that_push_rebuilt_on_newest_base_is_not_behind(outdated_gitlab):
    outdated_gitlab.project.merge_method = "ff"
    push(outdated_gitlab, over=open_one(outdated_gitlab).head)
    seen = open_one(outdated_gitlab)
    assert (seen.is_behind, seen.must_be_current) == (False, False)


def test_merge_method_is_read_once_and_only_if_branch_is_behind(gitlab):
    propose(gitlab)
    propose(gitlab, "basebump/other-1")
    asked = f"GET /projects/{gitlab.project.id}"
    forge = gitlab.forge()
    with gitlab.server.watched() as lines:
        forge.list_requests(PREFIX, frozenset())
    assert asked not in lines
    gitlab.commit("main", {"README.md": "Elsewhere.\n"})
    forge = gitlab.forge()
    with gitlab.server.watched() as lines:
        forge.list_requests(PREFIX, frozenset())
    assert lines.count(asked) == 1


def test_unreadable_merge_method_raises_error(outdated_gitlab):
    forge = outdated_gitlab.forge()
    outdated_gitlab.server.fail(
        rf"GET /projects/{outdated_gitlab.project.id}$", outdated_gitlab.server.problem(502), times=10
    )
    with pytest.raises(ForgeError, match="502"):
        forge.list_requests(PREFIX, frozenset())
