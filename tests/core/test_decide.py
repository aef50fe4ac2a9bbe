"""What is done at a place once its line was asked for, and which candidate the gates let pass."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from support.values import digest, finding, occurrence, scan, update

from bot.core.compare import compare
from bot.core.decide import decide
from bot.core.gates import gate
from bot.core.holds import VERSION
from bot.core.transition import transition_of, transition_to
from bot.core.verdict import verdict
from bot.model.decision import Candidate, Cause, Held, Refused, Selected, Unknown, Update, UpToDate
from bot.model.evidence import NotScanned, Severity, Unscanned
from bot.model.history import Sighting
from bot.model.image import Child, Kind, Manifest, Recorded, Resolved, Unresolved
from bot.model.policy import Policy
from bot.model.reference import Line
from bot.model.rules import Accepted
from bot.model.vocabulary import Reason

NGINX, NEXT = Line("docker.io/library/nginx", "1.27.1"), Line("docker.io/library/nginx", "1.27.3")
NOW = datetime(2027, 1, 20, 12, tzinfo=UTC)
DAY = timedelta(days=1)


def place(held=None, policy=Policy(), **more):  # noqa: B008 - a frozen value
    written = f"nginx:1.27.1@{digest(held)}" if held else "nginx:1.27.1"
    return Selected(occurrence(written, **more), NGINX, policy)


def index(word, *children):
    listed = tuple(Child(digest(child), "linux/amd64") for child in children or (f"{word} amd64",))
    return Manifest(digest(word), Kind.INDEX, "application/vnd.oci.image.index.v1+json", listed)


def points_to(word, line=NGINX, **more):
    return Resolved(line, digest(word), index(word), **more)


def seen(line, **days):
    """Return a history: since how many days which digest is there."""
    ordered = sorted(days.items(), key=lambda item: -item[1])
    return tuple(Sighting(line, digest(word), NOW - ago * DAY, NOW - ago * DAY) for word, ago in ordered)


def chosen(decision):
    assert isinstance(decision, Update), decision
    return [candidate.digest for candidate in decision.candidates]


def test_an_unpinned_place_gets_what_the_tag_points_to():
    decision = decide(place(), [Resolved(NGINX, digest("new"))], NOW)
    assert chosen(decision) == [digest("new")]
    assert decision.cause is Cause.MOVED


def test_a_place_that_holds_it_is_up_to_date():
    assert isinstance(decide(place("new"), [Resolved(NGINX, digest("new"))], NOW), UpToDate)


def test_a_pin_of_a_child_of_the_current_index_is_up_to_date():
    resolved = Resolved(NGINX, digest("index"), index("index", "amd64", "arm64"))
    assert isinstance(decide(place("arm64"), [resolved], NOW), UpToDate)
    assert isinstance(decide(place("older"), [resolved], NOW), Update)


def test_a_line_that_could_not_be_asked_is_unknown_with_its_reason():
    decision = decide(place(), [Unresolved(NGINX, Reason.RATE_LIMITED, "later")], NOW)
    assert decision == Unknown(place(), Reason.RATE_LIMITED, "later")


def test_what_cannot_be_pulled_by_the_name_in_the_file_is_held():
    decision = decide(place("old"), [Resolved(NGINX, digest("new"), not_pullable="404")], NOW)
    assert decision == Held(place("old"), Reason.NOT_PULLABLE, "404")


def test_who_pins_one_platform_waits_where_it_could_not_be_found_out_which_and_others_move():
    unknown = Unresolved(NGINX, Reason.REGISTRY_ERROR, "502")
    resolved = points_to("new", kept={digest("one"): unknown})
    assert decide(place("one"), [resolved], NOW) == Unknown(place("one"), Reason.REGISTRY_ERROR, "502")
    assert chosen(decide(place("old"), [resolved], NOW)) == [digest("new")]


# ---- patches -----------------------------------------------------------------------------------------------------


def patch_and_original(patched_ago, rebuilt_ago, held):
    """Return a patch of a tag and the tag, pushed so many days ago; the file holds `held`."""
    times = {digest("patch"): Recorded(NOW - patched_ago * DAY), digest("new"): Recorded(NOW - rebuilt_ago * DAY)}
    line = replace(NGINX, tag=f"{NGINX.tag}-4")
    around = {digest(held)} if held else set()

    def known(word):
        return {each: times[each] for each in ({digest(word)} | around) if each in times}

    own = known("new") if held != "new" else {}
    return [points_to("patch", line, recorded=known("patch")), points_to("new", recorded=own)]


@pytest.mark.parametrize("held", [None, "old"])
def test_a_patch_is_followed_unless_what_it_patches_was_pushed_anew_since(held):
    decision = decide(place(held), patch_and_original(1, 9, held), NOW)
    assert (chosen(decision), decision.candidates[0].tag) == ([digest("patch")], "1.27.1-4")
    decision = decide(place(held), patch_and_original(9, 1, held), NOW)
    assert (chosen(decision), decision.candidates[0].tag) == ([digest("new")], None)


def test_who_holds_what_was_pushed_after_its_patch_is_up_to_date():
    assert isinstance(decide(place("new"), patch_and_original(9, 1, "new"), NOW), UpToDate)
    assert chosen(decide(place("new"), patch_and_original(1, 9, "new"), NOW)) == [digest("patch")]


# ---- holds, and who answers for them -----------------------------------------------------------------------------


def accepting(until, reason=Reason.INDEX_CHURN):
    return Policy(accept=(Accepted(reason, "platform team", "attestations matter to us", until),))


@pytest.mark.parametrize(
    ("policy", "held"),
    [
        (Policy(), True),
        (accepting(date(2027, 1, 20)), False),
        (accepting(date(2027, 1, 19)), True),
        (accepting(date(2027, 1, 31), Reason.OLDER), True),
    ],
)
def test_a_hold_stands_unless_somebody_answers_for_it_today(policy, held):
    resolved = Resolved(NGINX, digest("new"), index("new", "same"), {digest("old"): index("old", "same")})
    decision = decide(place("old", policy), [resolved], NOW)
    assert isinstance(decision, Held if held else Update)
    assert not held or decision.reason is Reason.INDEX_CHURN


def test_who_answers_for_a_hold_is_said_with_what_it_is_about_and_until_when():
    resolved = Resolved(NGINX, digest("new"), index("new", "same"), {digest("old"): index("old", "same")})
    decision = decide(place("old", accepting(date(2027, 1, 31))), [resolved], NOW)
    (candidate,) = decision.candidates
    why = f"{digest('new')[7:19]} has the same image as {digest('old')[7:19]}"
    said = (
        f"platform team answers until 2027-01-31 for a move in spite of index-churn ({why}): attestations matter to us"
    )
    assert candidate.notes == (said,)
    assert verdict(decision).occurrence.notes == candidate.notes
    plain = decide(place("old", accepting(date(2027, 1, 31))), [points_to("new")], NOW)
    assert verdict(plain).occurrence.notes == ()


def test_what_is_said_of_a_hold_is_about_the_digest_that_is_taken():
    old, same = index("old", "same"), {digest("old"): index("old", "same")}
    policy = replace(accepting(date(2027, 1, 31)), min_age=3 * DAY, bypass_min_age_for=(Severity.CRITICAL,))
    history = seen(NGINX, old=9, ripe=4, new=1)
    resolved = Resolved(NGINX, digest("new"), index("new", "same"), same, history=history, earlier=(index("ripe"),))
    young, ripe = decide(place("old", policy), [resolved], NOW).candidates
    assert (young.digest, bool(young.notes), ripe.digest, ripe.notes) == (digest("new"), True, digest("ripe"), ())
    resolved = Resolved(
        NGINX, digest("new"), index("new"), same, history=history, earlier=(replace(old, digest=digest("ripe")),)
    )
    young, ripe = decide(place("old", policy), [resolved], NOW).candidates
    assert (young.notes, len(ripe.notes)) == ((), 1)
    assert digest("ripe")[7:19] in ripe.notes[0]


# ---- gone and withdrawn ------------------------------------------------------------------------------------------


def test_what_is_gone_is_replaced_at_once_whatever_the_age_and_the_holds():
    policy = Policy(min_age=9 * DAY, platforms=("linux/s390x",))
    decision = decide(place("old", policy), [points_to("new", held={digest("old"): None})], NOW)
    assert chosen(decision) == [digest("new")]
    assert decision.cause is Cause.GONE


def test_what_is_gone_is_replaced_on_its_own_line_though_a_rule_lets_it_move_farther():
    gone = {digest("old"): None}
    decision = decide(place("old"), [points_to("next", NEXT, held=gone), points_to("new", held=gone)], NOW)
    assert (decision.cause, chosen(decision), decision.candidates[0].tag) == (Cause.GONE, [digest("new")], None)
    unknown = Unresolved(NEXT, Reason.UNREACHABLE, "")
    assert decide(place("old"), [unknown, points_to("new", held=gone)], NOW) == decision


def test_a_farther_tag_is_asked_about_its_age_where_the_written_one_is_gone_with_its_digest():
    farther = points_to("next", NEXT, held={digest("old"): None})
    decision = decide(place("old", THREE_DAYS), [farther, Unresolved(NGINX, Reason.NOT_FOUND_OR_DENIED, "")], NOW)
    assert not isinstance(decision, Update)
    ripe = replace(farther, history=seen(NEXT, next=4))
    moved = decide(place("old", THREE_DAYS), [ripe, Unresolved(NGINX, Reason.NOT_FOUND_OR_DENIED, "")], NOW)
    assert (moved.cause, moved.candidates[0].tag) == (Cause.MOVED, NEXT.tag)


def test_what_could_not_be_asked_for_is_not_gone():
    assert decide(place("old"), [points_to("new")], NOW).cause is Cause.MOVED


def test_what_the_publisher_took_back_is_moved_back_whatever_the_age():
    history = seen(NGINX, good=9, bad=1)
    decision = decide(place("bad", Policy(min_age=30 * DAY)), [points_to("good", history=history)], NOW)
    assert chosen(decision) == [digest("good")]
    assert decision.cause is Cause.WITHDRAWN


# ---- the newest that is allowed ----------------------------------------------------------------------------------

THREE_DAYS = Policy(min_age=3 * DAY)


def test_the_newest_digest_that_is_old_enough_is_taken():
    history = seen(NGINX, old=9, older=5, ripe=3, green=1)
    resolved = points_to("new", history=history, earlier=(index("ripe"), index("older")))
    assert chosen(decide(place("old", THREE_DAYS), [resolved], NOW)) == [digest("ripe"), digest("older")]


def test_one_that_was_known_before_and_is_old_enough_is_simply_taken():
    assert chosen(decide(place("old", THREE_DAYS), [points_to("new", history=seen(NGINX, new=4))], NOW)) == [
        digest("new")
    ]


def test_while_nothing_is_old_enough_the_place_is_held_and_says_until_when():
    decision = decide(place("old", THREE_DAYS), [points_to("new", history=seen(NGINX, old=9, new=1))], NOW)
    assert isinstance(decision, Held)
    assert decision.reason is Reason.TOO_YOUNG
    assert "2027-01-22" in decision.detail


def test_what_is_old_enough_and_may_be_deleted_is_a_risk_that_is_said():
    resolved = points_to("new", history=seen(NGINX, old=9, ripe=4), at_risk=frozenset({digest("ripe")}))
    decision = decide(place("old", THREE_DAYS), [resolved], NOW)
    assert isinstance(decision, Held)
    assert decision.reason is Reason.RETENTION_RISK
    patient = decide(place("old", Policy(min_age=5 * DAY)), [resolved], NOW)
    assert isinstance(patient, Held)
    assert patient.reason is Reason.TOO_YOUNG, "what may be deleted is not old enough for it anyhow"


@pytest.mark.parametrize(
    ("ripe", "reason"), [(("amd",), Reason.PLATFORM_LOST), (("old amd64", "old arm64"), Reason.INDEX_CHURN)]
)
def test_what_is_old_enough_is_no_better_than_what_is_held_for_the_same_reason(ripe, reason):
    def both(word, *children):
        listed = tuple(map(Child, map(digest, children), ("linux/amd64", "linux/arm64")))
        return replace(index(word), children=listed)

    new, old = both("new", "new amd64", "new arm64"), both("old", "old amd64", "old arm64")
    resolved = Resolved(
        NGINX,
        new.digest,
        new,
        held={old.digest: old},
        history=seen(NGINX, old=9, ripe=4),
        earlier=(both("ripe", *ripe),),
    )
    held = decide(place("old", THREE_DAYS), [resolved], NOW)
    assert isinstance(held, Held)
    assert held.reason is Reason.TOO_YOUNG
    answered = Policy(min_age=3 * DAY, accept=(Accepted(reason, "team", "it is fine", NOW.date()),))
    assert chosen(decide(place("old", answered), [resolved], NOW)) == [digest("ripe")]


def stating(word, version):
    """Return an index that states a version of its own."""
    return replace(index(word), annotations=((VERSION, version),))


def held_newest(*earlier, newest="1.27.1", **more):
    """Return a line whose newest digest states a version, `earlier` ones before it, and the file's states 1.27.2."""
    new = stating("new", newest)
    return Resolved(NGINX, new.digest, new, {digest("old"): stating("old", "1.27.2")}, earlier=earlier, **more)


def test_where_the_newest_is_held_the_newest_that_is_not_is_taken_and_the_hold_said():
    history = seen(NGINX, old=9, fine=6, lower=5, ripe=4, new=1)
    earlier = (stating("ripe", "1.27.4"), stating("lower", "1.27.0"), stating("fine", "1.27.3"))
    decision = decide(place("old"), [held_newest(*earlier, history=history)], NOW)
    assert chosen(decision) == [digest("ripe"), digest("fine")]
    assert decision.candidates[0].notes == (
        "What `1.27.1` points to now is held (older): it states version 1.27.1, the one in the file 1.27.2.",
    )
    accepted = Policy(accept=(Accepted(Reason.OLDER, "team", "it is fine", NOW.date()),))
    assert chosen(decide(place("old", accepted), [held_newest(*earlier, history=history)], NOW)) == [digest("new")]


@pytest.mark.parametrize(
    ("history", "min_age"),
    [
        (seen(NGINX, ripe=9, old=4, new=1), 0),  # it was there before the one in the file
        (seen(NGINX, ripe=4, new=1), 0),  # nobody knows when the one in the file was
        (seen(NGINX, old=9, ripe=4, new=1), 5),
        ((*seen(NGINX, new=9, old=8, ripe=4), *seen(NGINX, new=1)), 0),  # the line went back
    ],
)
def test_where_the_newest_is_held_nothing_is_taken_that_was_left_or_is_too_young(history, min_age):
    resolved = held_newest(stating("ripe", "1.27.4"), history=history)
    assert isinstance(decide(place("old", Policy(min_age=min_age * DAY)), [resolved], NOW), Held)


def test_what_came_before_an_image_of_another_platform_is_judged_by_its_own():
    def one(word):
        return Manifest(digest(word), Kind.MANIFEST, "application/vnd.oci.image.manifest.v1+json")

    resolved = Resolved(
        NGINX,
        digest("new"),
        one("new"),
        {digest("old"): one("old")},
        earlier=(one("ripe"), one("arm")),
        history=seen(NGINX, old=9, arm=5, ripe=4, new=1),
        platform="linux/arm64",
        earlier_platforms={digest("ripe"): "linux/amd64", digest("arm"): "linux/arm64"},
    )
    assert chosen(decide(place("old", Policy(platforms=("linux/amd64",))), [resolved], NOW)) == [digest("ripe")]


def test_a_place_takes_nothing_earlier_that_only_another_place_may_take():
    history = seen(NGINX, old=9, ripe=4, held=2)
    resolved = points_to("new", history=history, earlier=(index("ripe"),))
    assert chosen(decide(place("old", THREE_DAYS), [resolved], NOW)) == [digest("ripe")]
    assert isinstance(decide(place("held", THREE_DAYS), [resolved], NOW), Held)


# ---- other tags --------------------------------------------------------------------------------------------------


def test_a_newer_tag_is_written_with_its_digest():
    decision = decide(place("old"), [points_to("next", NEXT), points_to("old")], NOW)
    assert decision.candidates == (Candidate(digest("next"), ("linux/amd64",), "1.27.3"),)
    assert transition_of(decision).goal == NEXT


def test_where_the_newer_tag_is_held_the_written_one_may_still_move():
    young = points_to("next", NEXT)
    ripe = points_to("new", history=seen(NGINX, new=4))
    assert decide(place("old", THREE_DAYS), [young, ripe], NOW).candidates[0].tag is None
    held = decide(place("old", THREE_DAYS), [young, points_to("old")], NOW)
    assert isinstance(held, Held)
    assert held.reason is Reason.TOO_YOUNG


def test_a_newer_tag_that_could_not_be_asked_for_leaves_the_place_alone():
    failed = Unresolved(NEXT, Reason.UNREACHABLE, "")
    assert isinstance(decide(place("old"), [failed, points_to("new")], NOW), Unknown)


@pytest.mark.parametrize("reason", [Reason.NOT_FOUND_OR_DENIED, Reason.REGISTRY_ERROR])
def test_a_newer_tag_that_is_no_image_leaves_the_place_to_the_next_nearer_one_and_says_so(reason):
    patch = replace(NEXT, tag="1.27.2")
    nothing = Unresolved(NEXT, reason, "404", is_definite=True)
    decision = decide(place("old"), [nothing, points_to("patch", patch), points_to("new")], NOW)
    assert (chosen(decision), decision.candidates[0].tag) == ([digest("patch")], "1.27.2")
    assert decision.selected.notes == ("`1.27.3` is listed and cannot be taken: 404.",)
    stays = decide(place("old"), [nothing, points_to("old")], NOW)
    assert isinstance(stays, UpToDate)
    assert stays.selected.notes == decision.selected.notes


def test_a_written_tag_that_is_no_image_is_unknown():
    nothing = Unresolved(NGINX, Reason.NOT_FOUND_OR_DENIED, "404", is_definite=True)
    assert isinstance(decide(place("old"), [nothing], NOW), Unknown)


# ---- gates -------------------------------------------------------------------------------------------------------

UNKNOWN = NotScanned(Unscanned.TIMED_OUT)


def evidence(decision, *outcomes):
    """Return the evidence for each candidate in turn, compared with an old image with one critical finding."""
    old = scan(finding("CVE-1900-0001", Severity.CRITICAL))
    moves = [transition_to(decision, candidate) for candidate in decision.candidates]
    return {move: compare(old, outcome) for move, outcome in zip(moves, outcomes, strict=True)}


def test_a_rule_that_requires_a_scan_refuses_what_was_not_scanned():
    wanted = update("nginx:1", "new", policy=Policy(require_scan=True))
    refused = gate(wanted, evidence(wanted, UNKNOWN), NOW)
    assert isinstance(refused, Refused)
    assert refused.reason is Reason.NOT_SCANNED
    assert gate(wanted, evidence(wanted, scan(finding("CVE-2026-1"))), NOW) == wanted


def test_without_such_a_rule_unknown_evidence_blocks_nothing():
    wanted = update("nginx:1", "new")
    assert gate(wanted, evidence(wanted, UNKNOWN), NOW) == wanted


@pytest.mark.parametrize(
    ("outcome", "taken"),
    [(scan(), "new"), (scan(finding("CVE-1900-0001", Severity.CRITICAL)), "ripe"), (UNKNOWN, "ripe")],
)
def test_what_is_too_young_is_taken_when_it_fixes_what_may_not_wait(outcome, taken):
    policy = Policy(min_age=3 * DAY, bypass_min_age_for=(Severity.CRITICAL,))
    history = seen(NGINX, old=9, ripe=4, new=1)
    wanted = decide(place("old", policy), [points_to("new", history=history, earlier=(index("ripe"),))], NOW)
    passed = gate(wanted, evidence(wanted, outcome, scan(finding("CVE-1900-0001", Severity.CRITICAL))), NOW)
    assert chosen(passed) == [digest(taken)]


def test_what_is_too_young_and_fixes_nothing_that_may_not_wait_is_held():
    policy = Policy(min_age=3 * DAY, bypass_min_age_for=(Severity.CRITICAL,))
    wanted = decide(place("old", policy), [points_to("new", history=seen(NGINX, old=9, new=1))], NOW)
    held = gate(wanted, evidence(wanted, UNKNOWN), NOW)
    assert isinstance(held, Held)
    assert held.reason is Reason.TOO_YOUNG
    assert "2027-01-22" in held.detail


def test_the_platform_that_is_scanned_is_the_places_then_the_rules_then_amd64():
    def of(**more):
        return transition_of(Update(place("old", **more), (Candidate(digest("new"), ("linux/arm64", "linux/amd64")),)))

    assert of(platform="linux/arm64", policy=Policy(platforms=("linux/s390x",))).platform == "linux/arm64"
    assert of(policy=Policy(platforms=("linux/s390x",))).platform == "linux/s390x"
    assert of().platform == "linux/amd64"
    assert (
        transition_of(
            replace(update("nginx:1", "new"), candidates=(Candidate(digest("new"), ("linux/arm64",)),))
        ).platform
        == "linux/arm64"
    )


@pytest.mark.parametrize(("after", "held"), [("1.27.3", True), ("1.27.5", False), ("nightly", False), (None, False)])
def test_an_image_whose_labels_state_a_lower_version_is_held_where_a_scanner_read_them(after, held):
    wanted = update(f"nginx:1@{digest('old')}", "new")
    known = {transition_of(wanted): compare(replace(scan(), version="1.27.4"), replace(scan(), version=after))}
    passed = gate(wanted, known, NOW)
    assert isinstance(passed, Held if held else Update)
    accepted = Accepted(Reason.OLDER, "team", "on purpose", NOW.date())
    answered = replace(wanted, selected=replace(wanted.selected, policy=Policy(accept=(accepted,))))
    passed = gate(answered, known, NOW)
    assert isinstance(passed, Update)
    why = "it states version 1.27.3, the one in the file 1.27.4"
    said = f"team answers until 2027-01-20 for a move in spite of older ({why}): on purpose"
    assert passed.candidates[0].notes == ((said,) if held else ())
    assert gate(passed, known, NOW) == passed, "it is said once"
    assert isinstance(gate(replace(wanted, cause=Cause.WITHDRAWN), known, NOW), Update)


def test_where_labels_show_that_the_newest_is_older_the_next_candidate_is_taken():
    candidates = (Candidate(digest("new")), Candidate(digest("ripe")))
    wanted = replace(update(f"nginx:1@{digest('old')}", "new"), candidates=candidates)
    old = replace(scan(), version="1.27.4")
    moves = [transition_to(wanted, candidate) for candidate in candidates]
    found = dict(zip(moves, (compare(old, replace(old, version=each)) for each in ("1.27.3", "1.27.5")), strict=True))
    assert chosen(gate(wanted, found, NOW)) == [digest("ripe")]


def test_what_takes_the_place_of_something_gone_under_a_tag_made_anew_is_looked_at_first():
    history = seen(NGINX, old=90)
    recorded = {digest("new"): Recorded(NOW - DAY, tag_made=NOW - 2 * DAY)}
    gone = {digest("old"): None}
    doubted = decide(place("old"), [points_to("new", history=history, recorded=recorded, held=gone)], NOW)
    assert doubted.cause is Cause.GONE
    assert "changed hands" in doubted.doubt
    assert "2027-01-18" in doubted.doubt
    older = {digest("new"): Recorded(NOW - DAY, tag_made=NOW - 200 * DAY)}
    assert decide(place("old"), [points_to("new", history=history, recorded=older, held=gone)], NOW).doubt == ""
    assert decide(place("old"), [points_to("new", recorded=recorded, held=gone)], NOW).doubt == ""


# ---- several lines --------------------------------------------------------------------------------------------------


def test_what_is_too_young_and_may_be_urgent_comes_before_what_is_not_of_a_nearer_line():
    policy = Policy(min_age=3 * DAY, bypass_min_age_for=(Severity.CRITICAL,))
    young, own = points_to("young", NEXT), points_to("new", history=seen(NGINX, old=9, new=5))
    decision = decide(place("old", policy), [young, own], NOW)
    assert chosen(decision) == [digest("young"), digest("new")]
    assert [candidate.mature is None for candidate in decision.candidates] == [False, True]
    assert [candidate.tag for candidate in decision.candidates] == [NEXT.tag, None]


def test_what_its_publisher_took_back_does_not_wait_for_what_may_be_urgent():
    policy = Policy(min_age=3 * DAY, bypass_min_age_for=(Severity.CRITICAL,))
    went_back = seen(NGINX, first=9, bad=5) + seen(NGINX, first=1)
    own = points_to("first", history=went_back)
    decision = decide(place("bad", policy), [points_to("young", NEXT), own], NOW)
    assert (chosen(decision), decision.cause) == ([digest("first")], Cause.WITHDRAWN)


def test_a_move_along_its_own_tag_says_what_holds_a_later_one():
    lost = points_to("lost", NEXT, held={digest("old"): index("old")})
    lost = replace(lost, manifest=replace(lost.manifest, children=(Child(digest("arm"), "linux/arm64"),)))
    decision = decide(place("old"), [lost, points_to("new")], NOW)
    assert chosen(decision) == [digest("new")]
    (note,) = decision.selected.notes
    assert note.startswith(f"`{NEXT.tag}` comes later, and is held (platform-lost): ")
