"""Compare two images: look up, scan, inspect and verify both, and determine their differences."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from bot.core.choice.platforms import is_same_platform
from bot.core.evidence.compare import compare_scans
from bot.core.transition import DEFAULT_PLATFORM
from bot.model.comparison import ComparedImage, Comparison
from bot.model.contents import TransitionContents
from bot.model.decision import Transition
from bot.model.errors import UsageError
from bot.model.evidence import ScanOutcome, ScanSubject
from bot.model.image import ImageFacts
from bot.model.image_name import DEFAULT_TAG, ImageName, TagRef
from bot.model.phases import ProgressStep
from bot.model.trust import TrustEntry
from bot.pipeline.evidence.collect_evidence import assess, enrich_evidence, fetch_contents
from bot.pipeline.evidence.verify_signatures import verify_signatures
from bot.pipeline.run_context import RunContext
from bot.registry_ports import Registry


@dataclass(frozen=True, slots=True)
class _FetchedImage:
    """One of the two images to compare, with the facts that its registry returned."""

    reference: ImageName
    tag_ref: TagRef
    facts: ImageFacts

    def make_transition(self, platform: str) -> Transition:
        """Return a transition on `platform` that has this image as the new image, and no old image.

        The two images of a comparison each need their own transition, because their repositories or tags may differ.
        """
        return Transition(self.tag_ref, None, self.facts.digest, (platform,))

    def make_subject(self, platform: str) -> ScanSubject:
        return ScanSubject(self.tag_ref, self.facts.digest, platform)


def compare_images(
    old: ImageName,
    new: ImageName,
    platform: str | None,
    context: RunContext,
    trust_entries: Sequence[TrustEntry],
) -> Comparison:
    """Return the differences between two images on one platform.

    If `platform` is None, `choose_platform` determines the platform.

    Raises:
        RegistryError: If an image cannot be looked up.
        StateError: If the state cannot be read.
        UsageError: If neither image has the platform.
    """
    context = context.with_new_log()
    context.progress.start_phase(ProgressStep.LOOK_UP_IMAGES, 2)
    old_image, new_image = (_fetch_image(reference, context) for reference in (old, new))
    context.progress.finish_phase()
    if platform is not None:
        _check_platform(platform, (old_image.facts, new_image.facts))
    platform = platform or choose_platform(old_image.facts, new_image.facts)
    transitions = [each.make_transition(platform) for each in (old_image, new_image)]
    assessed = assess(transitions, context)
    subjects = [each.make_subject(platform) for each in (old_image, new_image)]
    contents = fetch_contents(subjects, context)
    verified_signatures = verify_signatures(transitions, trust_entries, context)
    compared = compare_scans(*(assessed[transition].new for transition in transitions))
    old_contents, new_contents = (contents[subject] for subject in subjects)
    evidence = replace(compared, contents=TransitionContents(old_contents, new_contents))
    enriched = enrich_evidence({transitions[1]: evidence}, context)

    def build_image(fetched: _FetchedImage, scan: ScanOutcome) -> ComparedImage:
        signatures = verified_signatures.get(fetched.make_transition(platform))
        signature = signatures.new if signatures is not None else None
        return ComparedImage(
            fetched.reference, fetched.facts, scan, contents[fetched.make_subject(platform)], signature
        )

    return Comparison(
        old=build_image(old_image, compared.old or compared.new),
        new=build_image(new_image, compared.new),
        platform=platform,
        evidence=enriched[transitions[1]],
        failed=tuple(dict.fromkeys(context.failures.list_all())),  # both reads of a list can fail alike
    )


def _check_platform(platform: str, images: Sequence[ImageFacts]) -> None:
    """Raise UsageError if both images are indexes, and neither has the platform.

    The platform of a single image is known only after its config was read, so it is not checked.
    """
    available = tuple(dict.fromkeys(each for image in images for each in image.platforms))
    if all(image.platforms for image in images) and not any(is_same_platform(each, platform) for each in available):
        raise UsageError(f"neither image has the platform {platform!r}; hint: use one of {', '.join(available)}")


def choose_platform(old: ImageFacts, new: ImageFacts) -> str:
    """Return the platform on which two images are compared.

    If both images have `linux/amd64`, or if they have no platform in common, return `linux/amd64`. If `linux/amd64` is
    missing in one of them, return the first platform that both images have.
    """
    shared_platforms = [each for each in new.platforms if any(is_same_platform(each, other) for other in old.platforms)]
    return DEFAULT_PLATFORM if not shared_platforms or DEFAULT_PLATFORM in shared_platforms else shared_platforms[0]


def _fetch_image(reference: ImageName, context: RunContext) -> _FetchedImage:
    tag_ref = TagRef(reference.repository, reference.tag or DEFAULT_TAG)
    image = _FetchedImage(reference, tag_ref, _fetch_facts(tag_ref, reference, context.registry))
    context.progress.advance()
    return image


def _fetch_facts(tag_ref: TagRef, image: ImageName, registry: Registry) -> ImageFacts:
    """Return the facts about the digest in the reference or, if it has no digest, about the digest of its tag."""
    digest = image.digest or registry.fetch_descriptor(tag_ref).digest
    return registry.describe_image(tag_ref, registry.fetch_manifest(tag_ref, digest))
