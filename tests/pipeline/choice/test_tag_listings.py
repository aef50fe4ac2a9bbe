"""The tags to which references may be updated, and the watched tags, with a registry on loopback."""

from datetime import UTC, datetime, timedelta
from itertools import permutations

import pytest
from support.listener import HttpListener, HttpReply, ReceivedRequest
from support.runs.worlds import build, build_context
from support.soon import soon
from support.values import reference

from bot.core.choice.verdict import build_verdict
from bot.model.decision import TrackedImage
from bot.model.errors import RegistryError
from bot.model.modes import UpdateMode
from bot.model.policy import Policy, PolicyConfig
from bot.model.vocabulary import ReferenceStatus
from bot.pipeline.choice import tag_listings
from bot.pipeline.choice import tag_listings as tag_list_collection
from bot.pipeline.choice.decide_updates import run_lookups
from bot.pipeline.choice.tag_listings import list_tags
from bot.registries.endpoints import RegistryEntry
from bot.registries.oci import OciRegistry

START = datetime(2026, 1, 5, tzinfo=UTC)
"""A Monday."""
PACES = {
    "daily": lambda run: run,
    "on weekdays": lambda run: run + run // 5 * 2,
    "weekly": lambda run: 7 * run,
    "fortnightly": lambda run: 14 * run,
    "every thirty days": lambda run: 30 * run,
}


@pytest.mark.parametrize("pace", PACES.values(), ids=PACES)
@pytest.mark.parametrize("count", [7, 14, 30])
def test_sixty_runs_at_any_interval_check_every_tag_for_supersession(loopback, count, pace):
    written = [f"app-{number:02}:1.0.0" for number in range(count)]
    for each in written:
        loopback.move(each.partition(":")[0], "1.0.0", each)
    references = [reference(each) for each in written]
    selected = [TrackedImage(each, each.image.to_tag_ref(), Policy()) for each in references]
    registry = loopback.world().registry
    watched = [
        list_tags(selected, build_context(registry, now=START + timedelta(days=pace(run))), ()).watched_tags
        for run in range(60)
    ]
    assert {len(lines) for lines in watched} == {(count + 9) // 10}
    assert {line for lines in watched for line in lines} == {each.tag_ref for each in selected}


def refuse_tag_lists(status: int):
    """Serve one image under every tag, and refuse to list tags."""
    image = build("one for all")

    def answer(received: ReceivedRequest) -> HttpReply:
        if "/tags/list" in received.path:
            return HttpReply(status, headers={"WWW-Authenticate": "Basic"} if status == 401 else {})
        return HttpReply(200, image.content, {"Content-Type": image.media_type, "Docker-Content-Digest": image.digest})

    return HttpListener(answer)


@pytest.mark.parametrize("login", [{}, {"username": "user", "password": "secret"}], ids=["nobody", "somebody"])
@pytest.mark.parametrize("status", [401, 403, 404, 405])
def test_digest_of_own_tag_is_updated_with_a_note_if_tag_list_is_refused(status, login):
    with refuse_tag_lists(status) as server:
        references = [reference(f"{server.host}/{name}:1.2") for name in ("a", "b")]
        selected = [TrackedImage(each, each.image.to_tag_ref(), Policy(update=UpdateMode.PATCH)) for each in references]
        entry = RegistryEntry(server.host, is_insecure=True, **login)
        registry = OciRegistry((entry,), environment={}, sleep=lambda _: None)
        context = build_context(registry)
        found = run_lookups(selected, context, PolicyConfig())
    verdicts = [build_verdict(found.decide(each)) for each in selected]
    assert {each.status for each in verdicts} == {ReferenceStatus.UPDATE}
    assert {each.new_digest for each in verdicts} == {build("one for all").digest}
    for name, each in zip("ab", verdicts, strict=True):
        (note,) = each.reference.notes
        assert f": {server.host}" in note
        assert f"{name}/tags/list" in note
    was_refused = bool(login) and status in {401, 403}
    assert [failed.subject for failed in context.failures.list_all()] == ([server.host] if was_refused else [])


@pytest.mark.parametrize("status", [429, 500])
def test_target_tags_are_unknown_after_temporary_failure_to_list_tags(status):
    with refuse_tag_lists(status) as server:
        image_reference = reference(f"{server.host}/a:1.2")
        selected = TrackedImage(image_reference, image_reference.image.to_tag_ref(), Policy(update=UpdateMode.PATCH))
        registry = OciRegistry((RegistryEntry(server.host, is_insecure=True),), environment={}, sleep=lambda _: None)
        shelves = list_tags((selected,), build_context(registry, now=START), ())
    assert isinstance(shelves.list_targets(selected), RegistryError)
    assert shelves.explain_missing_tags(selected) == ""


def test_reference_with_fixed_tag_needs_no_tag_list():
    with refuse_tag_lists(403) as server:
        image_reference = reference(f"{server.host}/a:1.2.3")
        selected = TrackedImage(image_reference, image_reference.image.to_tag_ref(), Policy())
        registry = OciRegistry((RegistryEntry(server.host, is_insecure=True),), environment={}, sleep=lambda _: None)
        shelves = list_tags((selected,), build_context(registry, now=START), ())
    assert server.asked == ["GET /v2/a/tags/list?n=1000"]
    assert (shelves.list_targets(selected), shelves.explain_missing_tags(selected)) == ((selected.tag_ref,), "")


def test_tags_with_patch_numbers_are_proposed_in_acr_but_not_in_pull_through_caches(loopback):
    for tag in ("9.4", "9.4-949", "9.4-1194"):
        loopback.store.set_tag("redhat/ubi9", tag, build(tag))
    mirror = loopback.registry.host
    loopback.entries = (
        RegistryEntry("docker.io", mirror=mirror, is_insecure=True),
        RegistryEntry("contoso.azurecr.io", mirror=mirror, is_insecure=True),
        RegistryEntry("contoso.azurecr.io", "hub", upstream="docker.io"),
    )
    references = [reference(f"contoso.azurecr.io/{path}:9.4") for path in ("redhat/ubi9", "hub/redhat/ubi9")]
    own, cached = (TrackedImage(each, each.image.to_tag_ref(), Policy(update=UpdateMode.PATCH)) for each in references)
    shelves = list_tags((own, cached), loopback.world(), ())
    assert [line.tag for line in shelves.list_targets(own)] == ["9.4-949", "9.4"]
    assert [line.tag for line in shelves.list_targets(cached)] == ["9.4"]


def test_long_tag_list_is_evaluated_once_for_two_thousand_references(loopback):
    built = build("one for all")
    for tag in (f"1.{minor}.{patch}{suffix}" for minor in range(25) for patch in range(40) for suffix in ("", "-slim")):
        loopback.store.set_tag("library/nginx", tag, built)
    references = [reference("nginx:1.2.3", path=f"{number}/Dockerfile") for number in range(2000)]
    selected = [TrackedImage(each, each.image.to_tag_ref(), Policy(update=UpdateMode.MINOR)) for each in references]
    registry = loopback.world().registry
    with soon(2.0):
        shelves = list_tags(selected, build_context(registry, now=START), ())
        assert {shelves.list_targets(each)[0].tag for each in selected} == {"1.24.39"}
    assert shelves.endings_by_tag[selected[0].tag_ref].successor == "1.2.39"


def test_too_long_tag_list_is_not_compared_but_other_repositories_are(loopback, monkeypatch):
    monkeypatch.setattr(tag_listings, "MAX_TAG_COMPARISONS", 100)
    for number in range(30):
        loopback.move("huge", f"1.0.{number}", "content")
    for number in range(5):
        loopback.move("small", f"1.0.{number}", "content")
    written = [f"huge:1.0.{number}" for number in range(3)] + [f"small:1.0.{number}" for number in range(3)]
    references = [reference(each) for each in written]
    selected = [TrackedImage(each, each.image.to_tag_ref(), Policy(update=UpdateMode.PATCH)) for each in references]
    context = build_context(loopback.world().registry)
    listings = list_tags(selected, context, ())
    targets = [[tag_ref.tag for tag_ref in listings.list_targets(each)] for each in selected]
    assert targets[:3] == [["1.0.0"], ["1.0.1"], ["1.0.2"]]
    assert [each[0] for each in targets[3:]] == ["1.0.4"] * 3
    (failure,) = context.failures.list_all()
    assert failure.subject == "docker.io/library/huge"
    assert "were not compared" in listings.explain_missing_tags(selected[0])
    assert not listings.explain_missing_tags(selected[3])


@pytest.mark.parametrize("order", list(permutations(("huge", "large", "small"))))
def test_longest_tag_list_is_dropped_regardless_of_order_of_lists(order, monkeypatch):
    monkeypatch.setattr(tag_list_collection, "MAX_TAG_COMPARISONS", 10)
    lists = {"huge": ("1",) * 9, "large": ("1",) * 6, "small": ("1",) * 4}
    collection = tag_list_collection.TagListCollection()
    for repository in order:
        collection.add_tags(repository, lists[repository])
        assert sum(map(len, collection.tags_by_repository.values())) <= 10
    assert collection.tags_by_repository.keys() == {"large", "small"}
    assert collection.excess.keys() == {"huge"}


def test_dropped_tag_list_is_reported(loopback, monkeypatch):
    monkeypatch.setattr(tag_list_collection, "MAX_TAG_COMPARISONS", 10)
    for number in range(11):
        loopback.move("huge", f"1.0.{number}", "content")
    image_reference = reference("huge:1.0.1")
    selected = TrackedImage(image_reference, image_reference.image.to_tag_ref(), Policy(update=UpdateMode.PATCH))
    context = build_context(loopback.world().registry)
    listings = list_tags([selected], context, ())
    assert [each.subject for each in context.failures.list_all()] == ["docker.io/library/huge"]
    assert "were not compared" in listings.explain_missing_tags(selected)
