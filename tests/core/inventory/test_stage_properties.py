"""Properties of the stages of updates that hold for all facts."""

from __future__ import annotations

import random
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from support.stages import (
    DAY,
    LINKS,
    MERGED_AT,
    OWN,
    build_cluster,
    build_facts,
    build_history,
    build_own,
    build_running,
    build_stored_use,
)
from support.values import digest
from support.visits import API, NEW, NOW, OLD, PYTHON, WEB, build_request

from bot.core.inventory.stage_funnels import find_fleet_stages
from bot.model.fleet_history import BranchRequest
from bot.model.fleet_stages import FleetStages
from bot.model.own_build import BaseEvidence
from bot.model.proposal import RequestState
from bot.model.stage_facts import StageFacts
from bot.model.update_stages import StageScope, UpdateStage, UseKind
from bot.model.workload import StoredCluster

THIRD, CHILD = digest("third"), digest("child")
OWN_WORDS = ("own 1", "own 2", "own 3")
TIMES = st.integers(-20, 10).map(lambda days: MERGED_AT + days * DAY)
BASES = st.sampled_from([OLD, NEW, THIRD, CHILD, None])
KINDS = st.sampled_from(list(UseKind))


@st.composite
def list_uses(draw):
    values = {
        "status": draw(st.sampled_from(["up-to-date", "update", "held", "skipped", "gone"])),
        "digest": draw(st.sampled_from([NEW, NEW, OLD, None])),
        "key": draw(st.sampled_from([WEB, WEB, API])),
    }
    return build_stored_use(draw(KINDS), **values)


@st.composite
def list_builds(draw, bases=BASES):
    more = {"evidence": draw(st.sampled_from(list(BaseEvidence))), "revision": draw(st.sampled_from([None, "c0ffee"]))}
    return build_own(draw(st.sampled_from(OWN_WORDS)), draw(bases), draw(st.none() | TIMES), **more)


@st.composite
def list_running(draw):
    own = draw(st.booleans())
    found = draw(st.sampled_from([digest(each) for each in OWN_WORDS] if own else [OLD, NEW, THIRD, CHILD, None]))
    first_seen_at = draw(TIMES)
    return build_running(
        found,
        repository=OWN if own else PYTHON.repository,
        name=draw(st.sampled_from(["web", "worker"])),
        first_seen_at=first_seen_at,
        ended_at=draw(st.sampled_from([None, None, first_seen_at + DAY])),
        since=draw(st.none() | TIMES),
    )


@st.composite
def list_clusters(draw):
    images = draw(st.lists(list_running(), max_size=4))
    return build_cluster(*images, name=draw(st.sampled_from(["prod", "test"])), read_at=draw(st.none() | TIMES))


@st.composite
def list_requests(draw):
    state = draw(st.sampled_from([RequestState.OPEN, RequestState.MERGED, RequestState.CLOSED]))
    times = {"opened_at": draw(st.none() | TIMES), "ended_at": draw(TIMES) if state is not RequestState.OPEN else None}
    target = f"{PYTHON}@{draw(st.sampled_from([NEW, THIRD]))}"
    return BranchRequest(WEB, build_request(draw(st.integers(2, 5)), state, targets=(target,), **times))


@st.composite
def list_facts(draw):
    has_heads = draw(st.booleans())
    requests = draw(st.lists(list_requests(), max_size=2, unique_by=lambda each: each.request.number))
    return build_facts(
        *draw(st.lists(list_uses(), min_size=1, max_size=4)),
        scope=StageScope(has_builds=draw(st.booleans()), has_clusters=draw(st.booleans())),
        history=build_history(has_request=draw(st.booleans()), requests=requests),
        clusters=tuple(draw(st.lists(list_clusters(), max_size=2))),
        builds=tuple(draw(st.lists(list_builds(), max_size=4, unique_by=lambda each: each.build.digest))),
        children={NEW: frozenset({CHILD})} if draw(st.booleans()) else {},
        holders={(PYTHON.repository, OLD): frozenset({API})} if draw(st.booleans()) else {},
        heads={WEB: "c0ffee"} if has_heads else {},
        links=LINKS if draw(st.booleans()) else {},
        listed_repositories=frozenset({PYTHON.repository}),
    )


def find(facts: StageFacts) -> FleetStages:
    return find_fleet_stages(facts, NOW)


def get_positions(stages: FleetStages) -> list[int]:
    return [each.stage.position if each.stage is not None else -1 for each in stages.updates]


@given(list_facts())
def test_reached_stages_and_times_are_in_order(facts):
    for progress in find(facts).updates:
        stages = [each.stage for each in progress.reached]
        times = [each.at for each in progress.reached]
        assert stages == sorted(set(stages), key=list(UpdateStage).index)
        assert times == sorted(times)
        assert set(stages) <= set(facts.scope.list_stages(progress.use.kind))


@given(list_facts())
def test_no_stage_is_reached_without_an_observation_of_that_stage(facts):
    running = {stored.image.digest for cluster in facts.clusters for stored in cluster.images}
    for progress in find(facts).updates:
        stages = {each.stage for each in progress.reached}
        same = {progress.digest, *facts.children.get(progress.digest, ())}
        if UpdateStage.MERGED in stages:
            assert progress.digest == progress.use.digest
        shown = [
            stored.build.digest
            for stored in facts.builds
            if any(base.digest in same for base in stored.build.bases) or stored.build.revision == "c0ffee"
        ]
        if UpdateStage.REBUILT in stages:
            assert shown
        if UpdateStage.RUNNING in stages:
            assert running & (set(shown) if progress.use.kind is UseKind.BUILD else same)


@given(list_facts())
def test_update_without_a_further_stage_to_wait_for_is_in_the_last_stage(facts):
    for progress in find(facts).updates:
        if progress.wait is None:
            assert progress.stage is facts.scope.list_stages(progress.use.kind)[-1]


@given(list_facts(), st.lists(list_builds(st.none()), max_size=2), st.booleans())
def test_unknown_builds_containers_and_clusters_never_advance_an_update(facts, builds, has_unread_cluster):
    """These are builds without a known base and commit, pods without a digest, and clusters that were never read."""
    unknown = build_running(None, name="unknown")
    clusters = tuple(replace(each, images=(*each.images, unknown)) for each in facts.clusters)
    if has_unread_cluster:
        clusters = (*clusters, StoredCluster("lost", None, None))
    bases = tuple(replace(each, build=replace(each.build, revision=None)) for each in builds)
    more = replace(facts, builds=(*facts.builds, *bases), clusters=clusters)
    pairs = zip(get_positions(find(more)), get_positions(find(facts)), strict=True)
    assert all(after <= before for after, before in pairs)


@given(list_facts())
def test_update_stays_in_stage_merged_if_builds_and_clusters_are_unknown(facts):
    without = find(replace(facts, builds=(), clusters=()))
    assert all(position <= UpdateStage.MERGED.position for position in get_positions(without))


@given(list_facts(), st.randoms(use_true_random=False))
def test_stages_do_not_depend_on_order_of_facts(facts, source: random.Random):
    def shuffle(values):
        return tuple(source.sample(list(values), len(values)))

    history = replace(facts.history, held=shuffle(facts.history.held), requests=shuffle(facts.history.requests))
    clusters = tuple(replace(each, images=shuffle(each.images)) for each in facts.clusters)
    mixed = replace(
        facts, uses=shuffle(facts.uses), history=history, clusters=shuffle(clusters), builds=shuffle(facts.builds)
    )
    assert describe(find(mixed)) == describe(find(facts))


def describe(stages: FleetStages) -> list[object]:
    """Return the result without the order of equal values."""
    updates = [(each.use.key, each.use.path, each.use.digest, each.reached, each.wait) for each in stages.updates]
    return [sorted(map(repr, updates)), sorted(map(repr, stages.unlisted)), stages.funnels]


@given(list_facts())
def test_each_use_of_an_image_is_counted_once_in_funnels(facts):
    stages = find(facts)
    assert sum(each.uses for each in stages.funnels) == len(facts.uses)
    assert sum(each.stuck for each in stages.funnels) <= len(stages.list_stuck(NOW))
