"""The stored observations match a short model, for any sequence of lookups."""

from __future__ import annotations

from datetime import timedelta
from itertools import count

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.values import digest

from bot.model.history import TagObservation
from bot.model.image import TagDescriptor
from bot.model.image_name import TagRef

TAGS = ("1", "2")
STEP = timedelta(minutes=7)
_names = count()


class ObservationsModel:
    """A model of the state store: a list of observations for each tag."""

    def __init__(self) -> None:
        self.known: dict[TagRef, list[TagObservation]] = {}

    def saw(self, claims, at) -> None:
        for line, claim in claims.items():
            known = self.known.setdefault(line, [])
            if known and at < known[-1].last_seen:
                continue
            if known and known[-1].digest == claim.digest:
                known[-1] = TagObservation(line, claim.digest, known[-1].first_seen, at)
            else:
                known.append(TagObservation(line, claim.digest, at, at))


runs = st.lists(
    st.tuples(
        st.integers(min_value=-2, max_value=4),  # some runs are told of late, some begin at the same time
        st.dictionaries(st.sampled_from(TAGS), st.sampled_from("ABC"), max_size=2),
    ),
    max_size=12,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], max_examples=60)
@given(runs=runs)
def test_stored_tag_observations_match_the_model(state_location, lookup_store, runs):
    repository, model, at = f"ghcr.io/acme/{next(_names)}", ObservationsModel(), state_location.now
    for steps, tags in runs:
        at += steps * STEP
        claims = {TagRef(repository, tag): TagDescriptor(digest(content), "") for tag, content in tags.items()}
        lookup_store.record_tags(claims, at)
        model.saw(claims, at)
    lines = [TagRef(repository, tag) for tag in TAGS]
    assert lookup_store.load_observations(lines) == {line: tuple(known) for line, known in model.known.items()}
    assert {line: claim.digest for line, claim in lookup_store.load_descriptors(lines).items()} == {
        line: known[-1].digest for line, known in model.known.items()
    }
