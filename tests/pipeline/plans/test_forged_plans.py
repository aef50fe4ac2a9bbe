"""A plan that somebody wrote by hand cannot do more than choose digests and texts."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace

import pytest
from support.forges.github.stand import GitHubStand
from support.forges.stands import LocalStand
from support.runs.forged_plans import forge_plan, get_branch, get_edited_file
from support.runs.scenes import BRANCH, NEW, PYTHON
from support.runs.worlds import TEMPLATES, list_outcomes

from bot.core.choice.blocklist import build_blocklist
from bot.model.blocklist import Block, BlockedDigest
from bot.model.forge import ForgeLimits
from bot.model.modes import UpdateMode
from bot.model.policy import PolicyConfig, PolicyRule
from bot.model.proposal import (
    CloseStep,
    DeleteBranch,
    NoChange,
    NoChangeReason,
    NoProposal,
    OpenStep,
    Proposal,
    RemoteRequest,
    RequestState,
    UpdateStep,
)
from bot.model.request_attributes import NO_ATTRIBUTES, OVERDUE_LABEL, CommitStatus, RequestAttributes, StatusState
from bot.model.rules import AutomergeConditions
from bot.model.vocabulary import Reason
from bot.pipeline.plans.planned_limits import PlanLimitError, PlanLimits
from bot.pipeline.run_context import RunOptions
from bot.plan_file import render_plan


@pytest.fixture(params=[LocalStand, GitHubStand], ids=["local", "github"])
def stand(request, start_stand, loopback):
    for repository, tag in (("python", "3.12-slim"), ("redis", "7")):
        loopback.move(repository, tag, "new")
    return start_stand(request.param, PYTHON)


@pytest.fixture
def make_plan(stand, loopback):
    """Plan a run, and return the plan as a file has it."""

    def make() -> bytes:
        text, failures = render_plan(loopback.plan([stand.fleet()]).plan)
        assert failures == ()
        return text.encode()

    return make


def append_to_edit(document: dict, text: str) -> None:
    """Let the first edit write more than a digest, and compute the hash of the edited file again."""
    file = get_edited_file(document)
    (edit,) = file["edits"]
    edit["new"] += text
    content = PYTHON[file["path"]]
    edited = content[: edit["start"]] + edit["new"] + content[edit["start"] + len(edit.get("old", "")) :]
    file["sha256"] = hashlib.sha256(edited.encode()).hexdigest()


def add_edit(document: dict) -> None:
    """Add an edit at the end of a file, after which the file contains the same references."""
    file = get_edited_file(document)
    content, (edit,) = PYTHON[file["path"]], file["edits"]
    file["edits"].append({"start": len(content), "old": "", "new": "RUN true\n"})
    edited = content[: edit["start"]] + edit["new"] + content[edit["start"] + len(edit["old"]) :] + "RUN true\n"
    file["sha256"] = hashlib.sha256(edited.encode()).hexdigest()


FORGERIES: dict[str, Callable[[dict], object]] = {
    "other bytes": lambda document: get_edited_file(document)["edits"][0].update(old="FROM", new="RUN ", start=0),
    "another digest": lambda document: get_edited_file(document)["edits"][0].update(new=f"sha256:{'0' * 64}"),
    "a command": lambda document: get_edited_file(document)["edits"][0].update(new=f"{NEW}\nRUN true"),
    "a command, with the right hash of the file": lambda document: append_to_edit(document, "\nRUN true"),
    "a comment, with the right hash of the file": lambda document: append_to_edit(document, "\n# by hand"),
    "one more edit, with the right hash of the file": add_edit,
    "a reference that is not there": lambda document: get_edited_file(document)["references"].append(
        {"format": "dockerfile", "locator": "stage[7]", "digest": NEW}
    ),
    "another file": lambda document: get_edited_file(document).update(path="README.md"),
    "another result": lambda document: get_edited_file(document).update(sha256="0" * 64),
    "no byte": lambda document: get_edited_file(document)["edits"][0].update(new="\u20ac"),
    "the base branch": lambda document: get_branch(document).update(branch="main"),
    "a name that is no branch of basebump": lambda document: get_branch(document).update(branch="basebump/../main"),
    "a request that does not exist": lambda document: get_branch(document).update(request=7),
    "an impossible step": lambda document: get_branch(document).update(step="close"),
    "a label": lambda document: get_branch(document)["proposal"].update(attributes={"labels": ["deploy"]}),
}


@pytest.mark.parametrize("stand", [LocalStand], ids=["local"], indirect=True)
@pytest.mark.parametrize("title", FORGERIES)
def test_forged_plan_that_changes_other_content_than_references_is_refused(title, stand, loopback, make_plan):
    plan = forge_plan(make_plan(), FORGERIES[title])
    report = loopback.apply(plan, [stand.fleet()])
    assert [each.subject for each in report.failed] == [stand.name]
    assert stand.writes == []


def test_plan_that_the_forgery_helper_leaves_unchanged_is_accepted(stand, loopback, make_plan):
    plan = make_plan()
    assert forge_plan(plan, lambda _: None) == plan
    assert list_outcomes(loopback.apply(plan, [stand.fleet()])) == ["opened"]


@pytest.mark.parametrize(
    ("policy", "sentence"),
    [
        ({"rules": (PolicyRule(ignore=True),)}, "which this config leaves unchanged (ignored)"),
        ({"listed_hosts": frozenset(), "own_globs": ("**",)}, "which this config leaves unchanged (own)"),
        (
            {"blocklist": build_blocklist([BlockedDigest(NEW, Block("malware"))])},
            "the plan writes a blocked digest of docker.io/library/python into Dockerfile: malware",
        ),
    ],
)
def test_plan_that_edits_references_excluded_by_config_is_refused(policy, sentence, tmp_path, loopback):
    """The digest of the config, which is not compared here, keeps only honest jobs from such a plan."""
    loopback.move("python", "3.12-slim", "new")
    stand = LocalStand(tmp_path, {"Dockerfile": PYTHON["Dockerfile"], "deploy/app.yaml": PYTHON["deploy/app.yaml"]})
    text, _ = render_plan(loopback.plan([stand.fleet()]).plan)
    loopback.rulebook = replace(loopback.rulebook, **policy)
    (failure,) = loopback.apply(text.encode(), [stand.fleet()]).failed
    assert sentence in failure.error
    assert stand.writes == []


def test_plan_that_edits_references_allowed_by_a_rule_is_accepted(tmp_path, loopback):
    """Without the rule, the reference has no position to edit."""
    loopback.move("python", "3.12-slim", "new")
    loopback.rulebook = replace(loopback.rulebook, rules=(PolicyRule(allow=(Reason.VENDORED,)),))
    stand = LocalStand(tmp_path, {"vendor/Dockerfile": PYTHON["Dockerfile"]})
    text, _ = render_plan(loopback.plan([stand.fleet()]).plan)
    assert list_outcomes(loopback.apply(text.encode(), [stand.fleet()])) == ["opened"]


@pytest.mark.parametrize("step", ["update", "close"])
def test_plan_that_changes_pull_request_with_commits_of_users_is_refused(step, stand, loopback, make_plan):
    loopback.run([stand.fleet()])
    stand.commit(BRANCH, {"README.md": "A person's work.\n"})
    loopback.move("python", "3.12-slim", "newer")
    plan = make_plan()

    def change(document: dict) -> None:
        branch = get_branch(document, BRANCH)
        branch.update(step=step, must_push=True, must_update_text=True, must_comment=False, reason="")
        for key in ("must_comment", "reason"):  # a plan leaves out defaults
            del branch[key]
        if step == "close":
            for key in ("must_push", "must_update_text"):
                del branch[key]

    before = stand.branches(), list(stand.writes)
    (failure,) = loopback.apply(forge_plan(plan, change), [stand.fleet()]).failed
    assert failure.error.startswith(f"the plan changes {BRANCH}, but the branch or its pull request is not basebump's")
    assert (stand.branches(), stand.writes) == before


def test_plan_that_deletes_branch_of_users_is_refused(stand, loopback, make_plan):
    stand.commit("basebump/experiment", {"README.md": "A person's work.\n"})
    plan = make_plan()

    def change(document: dict) -> None:
        branch = get_branch(document, "basebump/experiment")
        request = branch["request"]
        branch.clear()
        branch.update(branch="basebump/experiment", step="delete-branch", request=request)

    (failure,) = loopback.apply(forge_plan(plan, change), [stand.fleet()]).failed
    assert "is not basebump's" in failure.error
    assert (stand.writes, "basebump/experiment" in stand.branches()) == ([], True)


PROPOSAL = Proposal(BRANCH, "Update", "Text.\n", "Update", (), (), (), "0" * 16, "0" * 16)
OURS = RemoteRequest(BRANCH, RequestState.OPEN, "1" * 40, "0" * 16, own_commit="1" * 40)
OF_OTHERS = replace(OURS, intent=None)
STATUS = CommitStatus(StatusState.SUCCESS, "Fixes 1 of 2.")
RULES = (PolicyRule(labels=("docker",), reviewers=("team:ops",), assignees=("kim",), milestone="next"),)
OWN_RULES = (PolicyRule(labels=("web",)),)


def check(step, desired=PROPOSAL, rules=RULES, **options):
    run_options = RunOptions(PolicyConfig(rules=rules), "basebump/", **{"templates": TEMPLATES, **options})
    forge_limits = ForgeLimits(60_000, 250, has_statuses=True, workflows=("ci.yml",))
    PlanLimits(run_options, forge_limits, lambda: OWN_RULES).check(BRANCH, step, desired)


def check_attributes(attributes, rules=RULES, **options):
    """Check attributes of a new proposal, of its variant without some files, and of an open request."""
    proposal = replace(PROPOSAL, attributes=attributes)
    reduced = replace(PROPOSAL, without_protected=proposal)
    check(OpenStep(proposal, must_push=True), proposal, rules, **options)
    check(OpenStep(reduced, must_push=True), reduced, rules, **options)
    check(UpdateStep(OURS, PROPOSAL, True, True, attributes), PROPOSAL, rules, **options)
    check(NoChange(BRANCH, NoChangeReason.UNKNOWN, OURS, attributes=attributes), PROPOSAL, rules, **options)


AUTOMERGE = RequestAttributes(automerge=True)
HARMLESS = [
    NO_ATTRIBUTES,
    RequestAttributes(labels=("docker", "web", OVERDUE_LABEL), reviewers=("team:ops",), assignees=("kim",)),
    RequestAttributes(milestone="next", status=STATUS, workflows=("ci.yml",), automerge=False),
    RequestAttributes(status_source="1" * 40),
]


@pytest.mark.parametrize("attributes", HARMLESS)
def test_plan_that_sets_attributes_allowed_by_config_is_accepted(attributes):
    check_attributes(attributes)


def test_plan_that_enables_automerge_is_accepted_if_a_rule_allows_automerge():
    check_attributes(AUTOMERGE, (PolicyRule(automerge=AutomergeConditions(UpdateMode.DIGEST)),))


@pytest.mark.parametrize(
    ("attributes", "sentence"),
    [
        (AUTOMERGE, "enables auto-merge"),
        (RequestAttributes(labels=("deploy",)), "no rule names: 'deploy'"),
        (RequestAttributes(reviewers=("kim",)), "no rule names: 'kim'"),
        (RequestAttributes(assignees=("team:ops",)), "no rule names: 'team:ops'"),
        (RequestAttributes(milestone="other"), "no rule names: 'other'"),
        (RequestAttributes(workflows=("../../deployments?",)), "starts workflows"),
        (RequestAttributes(workflows=("ci.yml", "deploy.yml")), "starts workflows"),
        (RequestAttributes(status=replace(STATUS, description="x" * 141)), "not one short line"),
        (RequestAttributes(status=replace(STATUS, description="a\nb")), "not one short line"),
    ],
)
def test_plan_with_attributes_outside_the_config_is_refused(attributes, sentence):
    with pytest.raises(PlanLimitError, match=sentence):
        check_attributes(attributes)


@pytest.mark.parametrize("attributes", [RequestAttributes(status=STATUS), RequestAttributes(status_source="1" * 40)])
def test_plan_that_sets_status_is_refused_if_config_disables_statuses(attributes):
    with pytest.raises(PlanLimitError, match="sets a commit status"):
        check_attributes(attributes, has_status=False)


@pytest.mark.parametrize("body", ["/merge", "Text.\n/approve\n", "Text.\n\r\n /close", "\x0b/label ~x"])
def test_plan_with_a_forge_command_in_a_text_is_refused(body):
    with pytest.raises(PlanLimitError, match="begins with `/`"):
        check(OpenStep(PROPOSAL, must_push=True), replace(PROPOSAL, body=body))
    with pytest.raises(PlanLimitError, match="begins with `/`"):
        check(CloseStep(OURS, body), NoProposal(""))


def test_plan_with_forge_command_from_template_of_operator_is_accepted():
    body = "Text.\n/label ~docker\n"
    check(
        OpenStep(PROPOSAL, must_push=True),
        replace(PROPOSAL, body=body),
        templates=replace(TEMPLATES, body="{{ x }}\n/label ~docker\n"),
    )


def list_steps(request: RemoteRequest):
    yield UpdateStep(request, PROPOSAL, must_push=True, must_update_text=True)
    yield CloseStep(request, "Not needed.")
    yield DeleteBranch(replace(request, state=RequestState.BRANCH))
    yield OpenStep(PROPOSAL, must_push=True, existing_branch=replace(request, state=RequestState.BRANCH))


@pytest.mark.parametrize(
    "step",
    [
        *list_steps(OF_OTHERS),
        OpenStep(PROPOSAL, must_push=False),
        DeleteBranch(OURS),
        CloseStep(replace(OURS, state=RequestState.CLOSED), ""),
        UpdateStep(replace(OURS, state=RequestState.MERGED), PROPOSAL, must_push=True, must_update_text=True),
    ],
)
def test_step_that_changes_branch_or_pull_request_of_others_is_refused(step):
    with pytest.raises(PlanLimitError, match="is not basebump's"):
        check(step)


@pytest.mark.parametrize(
    "step",
    [
        *list_steps(OURS),
        CloseStep(replace(OF_OTHERS, head=None), "Its branch was deleted."),
        UpdateStep(
            replace(OF_OTHERS, body="- [x] <!-- basebump:rebase -->"), PROPOSAL, must_push=True, must_update_text=True
        ),
    ],
)
def test_step_that_a_run_would_plan_itself_is_accepted(step):
    check(step)


def test_plan_can_disable_automerge_but_set_no_labels_on_branch_with_user_commits():
    check(NoChange(BRANCH, NoChangeReason.EDITED, OF_OTHERS, attributes=RequestAttributes(automerge=False)))
    labelled = RequestAttributes(labels=("docker",))
    with pytest.raises(PlanLimitError, match="commits of others"):
        check(NoChange(BRANCH, NoChangeReason.EDITED, OF_OTHERS, attributes=labelled))
    ticked = replace(OF_OTHERS, body="- [x] <!-- basebump:rebase -->")
    check(NoChange(BRANCH, NoChangeReason.UNKNOWN, ticked, attributes=labelled))


@pytest.mark.parametrize(
    ("request_", "attributes", "sentence"),
    [
        (replace(OURS, intent="1" * 16), RequestAttributes(status=STATUS), "does not contain exactly the proposal"),
        (replace(OURS, intent="1" * 16), AUTOMERGE, "does not contain exactly the proposal"),
        (OURS, RequestAttributes(status_source="2" * 40), "copies the status of a commit"),
    ],
)
def test_plan_that_approves_a_branch_with_other_edits_is_refused(request_, attributes, sentence):
    rules = (PolicyRule(automerge=AutomergeConditions(UpdateMode.DIGEST)),)
    for step in (
        UpdateStep(request_, PROPOSAL, must_push=False, must_update_text=True, attributes=attributes),
        NoChange(BRANCH, NoChangeReason.UNKNOWN, request_, attributes=attributes),
    ):
        with pytest.raises(PlanLimitError, match=sentence):
            check(step, rules=rules)


def test_plan_that_opens_a_pull_request_for_a_branch_with_other_edits_is_refused():
    branch = replace(OURS, state=RequestState.BRANCH, intent="1" * 16)
    with pytest.raises(PlanLimitError, match="is not basebump's"):
        check(OpenStep(PROPOSAL, must_push=False, existing_branch=branch))
