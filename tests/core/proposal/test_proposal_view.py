"""Tests of a proposal's view, body and title, and of when they are outdated."""

import importlib
import pkgutil
import typing
from dataclasses import fields, is_dataclass, replace
from datetime import UTC, datetime
from functools import partial

import pytest
from markdown_it import MarkdownIt
from support.runs.worlds import BODY_TEMPLATE
from support.values import SCANNER, digest, finding, scan, update

from bot.core.evidence.compare import compare_scans
from bot.core.notes import MAX_NOTE_LENGTH
from bot.core.proposal import view
from bot.core.proposal.fingerprint import PROPOSED_DIGITS, compute_fingerprint, is_outdated
from bot.core.proposal.render import BodyTooLongError, render_body
from bot.core.proposal.update_groups import compute_intent
from bot.core.proposal.view import proposal
from bot.core.proposal.view.proposal import ProposalView, build_proposal_view
from bot.core.transition import get_first_transition
from bot.model.decision import UpdateCause
from bot.model.evidence import NotScanned, Severity, UnscannedReason
from bot.model.modes import OnClose
from bot.model.policy import Policy
from bot.model.vocabulary import Role

MOVE = update(f"python:3.12-slim@{digest('old')}", "new")
PIN = update("python:3.12-slim", "new", path="deploy/web.yaml", role=Role.THIRD_PARTY, line_number=7)
WHOLE = "\u00a0→\u00a0"
"""What holds two counts together at the end of a line."""
CRITICAL, LOW = finding("CVE-1900-0001", Severity.CRITICAL), finding("CVE-1900-0002", Severity.LOW)


def evidence(old=None, new=None, *updates):
    old = old if old is not None else scan(CRITICAL, LOW)
    new = new if new is not None else scan(LOW)
    moves = [get_first_transition(each) for each in updates or (MOVE,)]
    return {move: compare_scans(old if move.old else None, new) for move in moves}


def body(updates=(MOVE,), known=None, limit=60_000):
    known = known or evidence(None, None, *updates)
    return render_body(BODY_TEMPLATE, lambda rows: build_proposal_view(updates, known, rows), limit)


def test_the_first_sentence_says_what_moved_and_what_that_changes():
    first = body().strip().splitlines()[0]
    assert first == (
        "**`python:3.12-slim` was rebuilt: 1 known vulnerability goes away (1 critical), none are new, 1 remains.**"
    )


def test_the_first_sentence_says_when_the_image_was_built_where_that_is_known():
    built = replace(scan(LOW), created=datetime(2026, 11, 20, tzinfo=UTC))
    assert body(known=evidence(None, built)).strip().startswith("**`python:3.12-slim` was rebuilt on `2026-11-20`: 1 ")


def test_several_moves_are_a_list_and_what_holds_for_all_of_them_is_said_once():
    nginx = update(f"nginx:1.27@{digest('old')}", "new")
    unknown = NotScanned(UnscannedReason.NO_SCANNER)
    text = body((MOVE, nginx), evidence(unknown, unknown, MOVE, nginx))
    assert text.startswith("- `nginx:1.27` was rebuilt.\n- `python:3.12-slim` was rebuilt.\n\n> **None of them")
    assert "Altogether" not in text
    assert text.count(unknown.reason.sentence) == 1
    assert f"> **None of them was scanned:** {unknown.reason.sentence}." in text


def test_what_several_moves_change_together_is_the_first_sentence_and_counts_each_once():
    moves = (MOVE, *(update(f"{name}:1@{digest('old')}", "new") for name in ("httpd", "nginx")))
    nginx = evidence(None, scan(LOW, finding("CVE-1900-0009")), moves[2])
    first, _, text = body(moves, evidence(None, None, *moves[:2]) | nginx).partition("\n\n")
    assert first == "**Altogether 1 known vulnerability goes away (1 critical), and 1 is new.**"
    assert text.startswith("- `httpd:1` was rebuilt: 1 known vulnerability goes away (1 critical), none are new, 1 ")
    late = NotScanned(UnscannedReason.TIMED_OUT)
    partly = body(moves, evidence(None, None, *moves[:2]) | evidence(late, late, moves[2]))
    assert partly.startswith(
        "**Altogether 1 known vulnerability goes away (1 critical), and none are new.** Some of the images are not "
        "counted in that.\n"
    )


def test_of_one_image_that_changes_among_pins_nothing_is_said_twice():
    moves = (MOVE, update("nginx:1.27", "new"))
    assert "Altogether" not in body(moves, evidence(None, None, *moves))


def test_in_a_long_list_of_images_what_is_fixed_is_folded_and_what_is_new_is_not():
    moves = tuple(update(f"{name}:1@{digest('old')}", "new") for name in ("httpd", "nginx", "node", "redis"))
    known = evidence(None, scan(LOW, finding("CVE-1900-0009")), *moves)
    text = body(moves, known)
    assert text.count("\n\n<details><summary>1 (1 critical)</summary>\n\n| Severity |") == len(moves)
    assert text.count("### New in `redis:1`\n\n| Severity |") == 1
    assert "1 (1 critical)</summary>" not in body(moves[:3], evidence(None, None, *moves[:3]))


def test_images_that_are_not_scanned_for_different_reasons_have_each_their_own():
    nginx = update(f"nginx:1.27@{digest('old')}", "new")
    late, unknown = NotScanned(UnscannedReason.TIMED_OUT), NotScanned(UnscannedReason.NO_SCANNER)
    known = evidence(late, late, MOVE) | evidence(unknown, unknown, nginx)
    text = body((MOVE, nginx), known)
    assert f"> **Not scanned:** `python:3.12-slim`: {late.reason.sentence}." in text
    assert f"> **Not scanned:** `nginx:1.27`: {unknown.reason.sentence}." in text


def test_what_remains_of_an_image_that_nothing_changes_for_stands_under_its_own_name():
    nginx = update(f"nginx:1.27@{digest('old')}", "new")
    text = body((MOVE, nginx), evidence() | evidence(scan(LOW), scan(LOW), nginx))
    assert "### Unchanged in `nginx:1.27`\n\n<details><summary>Remaining: 1, 1 of them with a fix" in text
    assert "### Unchanged in `python:3.12-slim`" not in text


def test_pins_alone_say_once_why_and_a_first_request_says_it_anyway():
    pins = (PIN, update("nginx:1.27", "new"))
    known = evidence(None, None, *pins)
    assert body(pins, known).count("changes only by a reviewed commit") == 1
    first = render_body(BODY_TEMPLATE, lambda rows: build_proposal_view(pins, known, rows, is_first=True), 60_000)
    assert first.count("changes only by a reviewed commit") == 1
    lists = [each.type for each in MarkdownIt("gfm-like", {"linkify": False}).parse(first.partition("|")[0])]
    assert lists.count("bullet_list_open") == 2


def test_the_platform_is_said_once_where_there_is_one_and_in_each_row_where_there_are_several():
    arm = update(f"nginx:1.27@{digest('old')}", "new", platform="linux/arm64")
    text = body()
    assert "Platform" not in text
    assert text.index("### Fixed") < text.index("Scanned for `linux/amd64` by `") < text.index("### Files")
    both = body((MOVE, arm), evidence(None, None, MOVE, arm))
    assert "| Image | Digest | Platform | Built |" in both
    assert "| `linux/arm64` | ? |" in both
    assert "Scanned by `" in both


def test_a_pin_says_that_nothing_changes_today():
    text = body((PIN,))
    assert "**`python:3.12-slim` gets the digest " in text
    assert "It has 1 known vulnerability." in text
    assert "`deploy/web.yaml`, line 7: merging restarts what it deploys" in text


def test_the_table_has_counts_of_both_sides():
    assert "| 1 → 0 | 0 → 0 | 0 → 0 | 1 → 1 |".replace(" → ", WHOLE) in body()


@pytest.mark.parametrize("why", [each for each in UnscannedReason if each is not UnscannedReason.WITHHELD])
def test_what_was_not_scanned_is_said_and_never_a_number(why):
    text = body(known=evidence(NotScanned(why), NotScanned(why)))
    assert f"> **Not scanned:** `python:3.12-slim`: {why.sentence}." in text
    assert "What that fixes is not known." in text
    assert "| 0 |" not in text
    assert "Scanned by" not in text


def test_a_digest_that_is_gone_is_said_to_be_and_not_its_image():
    gone = replace(MOVE, cause=UpdateCause.GONE)
    text = body((gone,), evidence(NotScanned(UnscannedReason.IMAGE_GONE), None, gone))
    assert text.startswith(
        "**`python:3.12-slim` is replaced by what its tag points to today, since its registry no longer has the digest "
        "in the files.** What that fixes is not known.\n"
    )


def test_an_old_image_that_is_gone_leaves_the_numbers_of_the_new_one():
    text = body(known=evidence(NotScanned(UnscannedReason.IMAGE_GONE)))
    assert "| ? → 0 | ? → 0 | ? → 0 | ? → 1 |".replace(" → ", WHOLE) in text
    assert "the old image of `python:3.12-slim`" in text


def test_a_body_fits_by_leaving_rows_out_and_says_how_many():
    many = scan(*(finding(f"CVE-1900-{number:04}") for number in range(300)))
    whole = body(known=evidence(many, scan()), limit=200_000)
    cut = body(known=evidence(many, scan()), limit=8_000)
    assert "100 more rows" in whole
    assert len(cut) <= 8_000
    shown = cut.count("nvd.nist.gov")
    assert 0 < shown < 200
    assert f"{300 - shown} more rows" in cut


def test_a_body_of_very_many_files_fits_too():
    updates = tuple(update("python:3.12-slim", "new", path=f"service-{number:05}/Dockerfile") for number in range(3000))
    text = body(updates, limit=20_000)
    assert len(text) <= 20_000
    assert "- and 2900 more" in text or "- and 2800 more" in text


def test_a_limit_that_nothing_fits_into_is_an_error():
    with pytest.raises(BodyTooLongError):
        body(limit=100)


def test_the_body_is_markdown_whose_tables_hold():
    tokens = MarkdownIt("gfm-like", {"html": True, "linkify": False}).parse(body((MOVE, PIN)))
    assert sum(token.type == "table_open" for token in tokens) == 3
    assert [token.tag for token in tokens if token.type == "heading_open"] == ["h3", "h3"]


def test_no_field_of_the_view_is_plain_text():
    modules = [
        importlib.import_module(each.name) for each in pkgutil.iter_modules(view.__path__, "bot.core.proposal.view.")
    ]
    shapes = [shape for module in modules for shape in vars(module).values() if is_dataclass(shape)]
    shapes = [shape for shape in shapes if shape.__module__.startswith(view.__name__)]
    assert ProposalView in shapes
    for shape in shapes:
        hints = typing.get_type_hints(shape)
        for field in fields(shape):
            assert str not in _leaves(hints[field.name]), f"{shape.__name__}.{field.name}"


def _leaves(hint):
    inner = typing.get_args(hint)
    return {hint} if not inner else set().union(*(_leaves(each) for each in inner))


# ---- suppressed findings ------------------------------------------------------------------------------------------


def test_what_somebody_answers_for_is_shown_apart_and_counted_nowhere():
    text = body(known=evidence(scan(CRITICAL, LOW), scan(set_aside=[LOW])))
    assert "<details><summary>Set aside: 1, which is counted nowhere</summary>" in text
    nvd = "https://nvd.nist.gov/vuln/detail/CVE-1900-0002"
    assert f"| low | [`CVE-1900-0002`]({nvd}) | `openssl` | `1` | `exempt` | `somebody's exemption` |" in text
    assert "1 known vulnerability goes away (1 critical), none are new, none remain" in text
    assert text.count("CVE-1900-0002`](") == 1
    assert text.index("### Fixed") < text.index("Set aside") < text.index("### Files")


def test_it_is_shown_where_nothing_is_compared_too_and_never_of_the_old_image():
    text = body(known=evidence(NotScanned(UnscannedReason.IMAGE_GONE), scan(set_aside=[LOW, CRITICAL])))
    assert text.index("CVE-1900-0001") < text.index("CVE-1900-0002"), "the worst comes first"
    assert "Set aside: 2, which are counted nowhere" in text
    assert "Set aside" not in body(known=evidence(scan(set_aside=[LOW]), scan()))


def test_a_list_of_it_is_cut_to_fit_as_others_are_and_says_so():
    many = scan(set_aside=[finding(f"CVE-1900-{number:04}") for number in range(300)])
    cut = body(known=evidence(scan(), many), limit=8_000)
    shown = cut.count("nvd.nist.gov")
    assert 0 < shown < 200
    assert "Set aside: 300, which are counted nowhere" in cut
    assert f"{300 - shown} more rows" in cut
    MarkdownIt("gfm-like", {"html": True, "linkify": False}).parse(cut)


def test_a_text_is_out_of_date_once_somebody_answers_for_something_else():
    before, after = (compute_fingerprint((MOVE,), evidence(scan(LOW), scan(set_aside=aside))) for aside in ([], [LOW]))
    assert is_outdated(before, after)


# ---- notes -------------------------------------------------------------------------------------------------------


def with_notes(update, *notes, of_the_move=(), **more):
    selected = replace(update.tracked_image, notes=notes)
    return replace(
        update, tracked_image=selected, candidates=(replace(update.candidates[0], notes=of_the_move),), **more
    )


BEHIND, ANSWERED = "It was not rebuilt since its own base moved.", "the team answers for it: `because` <!-- of me -->"
NOTED = with_notes(MOVE, BEHIND, of_the_move=(ANSWERED,))


def test_what_there_is_to_say_of_an_image_is_said_over_the_table_once_for_all_its_places():
    beside = update(
        f"python:3.12-slim@{digest('old')}", "new", path="b/Dockerfile", notes=("It is a note of the file.",)
    )
    text = body((NOTED, with_notes(beside, BEHIND)), evidence())
    assert text.count(f"> `python:3.12-slim`: `{BEHIND}`\n") == text.count(BEHIND) == 1
    assert text.count("> `python:3.12-slim`: `` the team answers for it: `because` <!-- of me --> ``\n") == 1
    assert text.index(BEHIND) < text.index("| Image |") < text.index("### Fixed")
    assert "a note of the file" not in text


def test_of_one_line_nothing_is_said_twice_though_it_moves_from_two_digests():
    other = with_notes(update(f"python:3.12-slim@{digest('older')}", "new", path="b/Dockerfile"), BEHIND)
    both = (NOTED, other)
    assert body(both, evidence(None, None, *both)).count(BEHIND) == 1


def test_notes_that_do_not_fit_are_counted_and_long_ones_are_cut():
    noted = with_notes(MOVE, *(f"{number} {'long ' * 100}" for number in range(5)))
    (shown,) = build_proposal_view((noted,), evidence(), 2).transitions
    assert (len(shown.notes), shown.notes_cut) == (2, 3)
    assert len(str(shown.notes[0])) == MAX_NOTE_LENGTH + 2
    text = render_body(BODY_TEMPLATE, lambda rows: build_proposal_view((noted,), evidence(), 2), 60_000)
    assert "> 3 more notes on `python:3.12-slim`" in text


def test_a_note_is_something_that_is_known_and_nothing_that_is_proposed():
    known = evidence()
    with_it, without = (compute_fingerprint((each,), known) for each in (NOTED, MOVE))
    assert with_it[:PROPOSED_DIGITS] == without[:PROPOSED_DIGITS]
    assert with_it != without
    assert is_outdated(without, with_it)
    assert is_outdated(with_it, without)


# ---- fingerprints ------------------------------------------------------------------------------------------------


def _fingerprint(updates=(MOVE,), known=None):
    known = known or evidence(None, None, *updates)
    return compute_fingerprint(updates, known)


def test_dates_and_versions_do_not_make_a_report_another():
    later = replace(SCANNER, version="0.60", database=datetime(2026, 12, 1, tzinfo=UTC))
    old, new = (
        replace(each, scanner=later, created=datetime(2026, 1, 1, tzinfo=UTC))
        for each in (scan(CRITICAL, LOW), scan(LOW))
    )
    assert _fingerprint(known=evidence(old, new)) == _fingerprint()


def test_another_finding_changes_the_half_that_is_known_and_not_what_is_proposed():
    other = _fingerprint(known=evidence(scan(CRITICAL), scan()))
    assert other[:PROPOSED_DIGITS] == _fingerprint()[:PROPOSED_DIGITS]
    assert other[PROPOSED_DIGITS:] != _fingerprint()[PROPOSED_DIGITS:]


def test_another_place_changes_what_is_proposed():
    assert _fingerprint((MOVE, PIN))[:PROPOSED_DIGITS] != _fingerprint()[:PROPOSED_DIGITS]


def test_titles_and_line_numbers_do_not_make_a_report_another():
    moved = update(f"python:3.12-slim@{digest('old')}", "new", line_number=9)
    retold = [replace(each, title="told anew") for each in (CRITICAL, LOW)]
    assert _fingerprint((moved,), evidence(scan(*retold), scan(retold[1]))) == _fingerprint()


def test_a_report_counts_what_is_not_known():
    assert _fingerprint()[-1] == "0"
    assert _fingerprint(known=evidence(NotScanned(UnscannedReason.IMAGE_GONE)))[-1] == "1"
    assert _fingerprint(known=evidence(*[NotScanned(UnscannedReason.TIMED_OUT)] * 2))[-1] == "2"


@pytest.mark.parametrize(
    ("before", "outdated"),
    [
        ("aaaaaaaabbbbbbb1", False),
        ("aaaaaaaaccccccc1", True),
        ("aaaaaaaaccccccc2", True),
        ("aaaaaaaaccccccc0", False),
        ("ccccccccbbbbbbb0", True),
    ],
)
def test_a_text_that_knows_less_replaces_one_only_where_something_else_is_proposed(before, outdated):
    assert is_outdated(before, "aaaaaaaabbbbbbb1") is outdated


# ---- transitions, titles, messages -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("platform", "offered", "expected"),
    [
        (None, (), "linux/amd64"),
        (None, ("linux/arm64", "linux/amd64"), "linux/amd64"),
        (None, ("linux/arm64", "linux/s390x"), "linux/arm64"),
        ("linux/arm64", ("linux/amd64", "linux/arm64"), "linux/arm64"),
    ],
)
def test_the_platform_is_the_places_else_amd64_else_the_images_first(platform, offered, expected):
    assert get_first_transition(update("nginx:1", "new", platforms=offered, platform=platform)).platforms == (expected,)


def test_a_body_says_what_closing_it_declines():
    muting = update(f"python:3.12-slim@{digest('old')}", "new", policy=Policy(on_close=OnClose.LINE))
    one, all_after = (
        render_body(BODY_TEMPLATE, partial(build_proposal_view, (each,), evidence()), 65_536) for each in (MOVE, muting)
    )
    assert "; the next digest is offered again." in one
    assert "; what comes after it is only offered where that fixes something critical." in all_after


def test_an_intent_depends_on_place_and_value_alone():
    assert compute_intent((MOVE,)) == compute_intent((replace(MOVE, candidates=MOVE.candidates),))
    assert compute_intent((MOVE,)) != compute_intent((update(f"python:3.12-slim@{digest('old')}", "newer"),))
    assert compute_intent((MOVE,)) != compute_intent(
        (update(f"python:3.12-slim@{digest('old')}", "new", locator="stage[1]"),)
    )


def test_the_views_version_is_what_templates_are_told():
    assert build_proposal_view((MOVE,), evidence(), 1).version == proposal.VERSION == 1
    assert isinstance(build_proposal_view((MOVE,), evidence(), 1), ProposalView)
