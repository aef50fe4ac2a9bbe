"""Rules of a branch: rulesets, which are public, and branch protection, which needs a permission."""

from __future__ import annotations

from support.forges.github.calls import ForgeReply, GitHubCall, ProblemError


def list_rules(call: GitHubCall, branch: str) -> ForgeReply:
    """https://docs.github.com/en/rest/repos/rules#get-rules-for-a-branch."""
    repository = call.repository
    if branch != repository.default_branch or not repository.strict_rules:
        return ForgeReply(200, [{"type": "deletion", "ruleset_source_type": "Repository", "ruleset_id": 1}])
    parameters = {
        "required_status_checks": [{"context": "build"}],
        "strict_required_status_checks_policy": repository.strict_rules,
    }
    rule = {"type": "required_status_checks", "parameters": parameters}
    return ForgeReply(
        200, [rule | {"ruleset_source_type": "Repository", "ruleset_source": repository.name, "ruleset_id": 1}]
    )


def get_workflow_permissions(call: GitHubCall) -> ForgeReply:
    """https://docs.github.com/en/rest/actions/permissions#get-default-workflow-permissions-for-a-repository."""
    if call.token is None or not call.token.can_see_rules:
        raise ProblemError(403, "Resource not accessible by integration")
    may_propose = call.repository.lets_actions_propose
    return ForgeReply(200, {"default_workflow_permissions": "read", "can_approve_pull_request_reviews": may_propose})


def get_status_checks(call: GitHubCall, branch: str) -> ForgeReply:
    """https://docs.github.com/en/rest/branches/branch-protection#get-status-checks-protection."""
    repository = call.repository
    if call.token is None or not call.token.can_see_rules:
        raise ProblemError(403, "Resource not accessible by integration")
    if branch != repository.default_branch or not repository.strict_protection:
        raise ProblemError(404, "Branch not protected")
    url = f"{call.root}{call.path}"
    policy = {"url": url, "strict": True, "contexts": [], "contexts_url": f"{url}/contexts", "checks": []}
    return ForgeReply(200, policy)
