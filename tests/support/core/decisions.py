"""References and the targets of their tags, for tests of decisions."""

from datetime import UTC, datetime, timedelta

from support.values import digest, reference

from bot.model.decision import ImageUpdate, TrackedImage
from bot.model.history import TagObservation
from bot.model.image import ChildManifest, Manifest, ManifestKind, ResolvedTag
from bot.model.image_name import TagRef
from bot.model.policy import Policy

NGINX, NEXT = TagRef("docker.io/library/nginx", "1.27.1"), TagRef("docker.io/library/nginx", "1.27.3")
NOW = datetime(2027, 1, 20, 12, tzinfo=UTC)
DAY = timedelta(days=1)


def build_tracked_image(held=None, policy=Policy(), **more):  # noqa: B008 - a frozen value
    written = f"nginx:1.27.1@{digest(held)}" if held else "nginx:1.27.1"
    return TrackedImage(reference(written, **more), NGINX, policy)


def build_index(word, *children):
    listed = tuple(ChildManifest(digest(child), "linux/amd64") for child in children or (f"{word} amd64",))
    return Manifest(digest(word), ManifestKind.INDEX, "application/vnd.oci.image.index.v1+json", listed)


def build_resolved_tag(word, line=NGINX, **more):
    return ResolvedTag(line, digest(word), build_index(word), **more)


def build_observations(line, **days):
    """Return a history: since how many days which digest is there."""
    ordered = sorted(days.items(), key=lambda item: -item[1])
    return tuple(TagObservation(line, digest(word), NOW - ago * DAY, NOW - ago * DAY) for word, ago in ordered)


def list_candidate_digests(decision):
    assert isinstance(decision, ImageUpdate), decision
    return [candidate.digest for candidate in decision.candidates]


THREE_DAYS = Policy(min_age=3 * DAY)
