"""Compare: look two images up, scan both in one run, and say what moving from one to the other changes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from bot.core.choice.platforms import is_same_platform
from bot.core.evidence.compare import compare
from bot.core.transition import DEFAULT_PLATFORM
from bot.model.comparison import ComparedImage, Comparison
from bot.model.contents import Contents
from bot.model.decision import Transition
from bot.model.evidence import ScanOutcome, Subject
from bot.model.image import ImageFacts
from bot.model.reference import DEFAULT_TAG, ImageReference, Line
from bot.model.trust import Trust
from bot.pipeline.assess import assess
from bot.pipeline.enrich import enrich
from bot.pipeline.judge import World
from bot.pipeline.look import look_into
from bot.pipeline.pool import REGISTRIES, SCANS
from bot.pipeline.verify import verify
from bot.ports import Registry


@dataclass(frozen=True, slots=True)
class _Found:
    """One image in its registry."""

    reference: ImageReference
    line: Line
    facts: ImageFacts

    def alone(self, platform: str) -> Transition:
        """Return it as a move from nothing: the two may be of different lines, and each is evidence of its own."""
        return Transition(self.line, None, self.facts.digest, (platform,))

    def on(self, platform: str) -> Subject:
        return Subject(self.line, self.facts.digest, platform)


def compare_images(
    old: ImageReference, new: ImageReference, platform: str | None, world: World, trusts: Sequence[Trust]
) -> Comparison:
    """Return what is known of moving from `old` to `new`, on `platform` or one that both have.

    Raises RegistryError where one of them cannot be looked up, and StateError when the memory cannot be read.
    """
    world.progress.phase("Asking registries", 2)
    before, after = (_find(reference, world) for reference in (old, new))
    world.progress.done()
    platform = platform or common_platform(before.facts, after.facts)
    moves = [each.alone(platform) for each in (before, after)]
    assessed = assess(moves, world.scanner_of, world.memory, SCANS, world.progress, world.advisories)
    subjects = [each.on(platform) for each in (before, after)]
    inside, not_looked = look_into(subjects, world.registry, REGISTRIES, world.progress)
    verified = verify(moves, trusts, world.verifiers, REGISTRIES, world.progress)
    compared = compare(*(assessed.evidence[move].new for move in moves))
    evidence = replace(compared, contents=Contents(*(inside[subject] for subject in subjects)))
    enriched = enrich({moves[1]: evidence}, world.advisories)

    def image(found: _Found, scan: ScanOutcome) -> ComparedImage:
        signed = verified.signatures.get(found.alone(platform))
        signature = signed.new if signed is not None else None
        return ComparedImage(found.reference, found.facts, scan, inside[found.on(platform)], signature)

    return Comparison(
        old=image(before, compared.old or compared.new),
        new=image(after, compared.new),
        platform=platform,
        evidence=enriched.evidence[moves[1]],
        failed=tuple(dict.fromkeys((*assessed.failed, *not_looked, *verified.failed, *enriched.failed))),
    )


def common_platform(old: ImageFacts, new: ImageFacts) -> str:
    """Return amd64 where both have it or nothing in common, else the first of the new image that the old one has."""
    common = [each for each in new.platforms if any(is_same_platform(each, other) for other in old.platforms)]
    return DEFAULT_PLATFORM if not common or DEFAULT_PLATFORM in common else common[0]


def _find(reference: ImageReference, world: World) -> _Found:
    line = Line(reference.repository, reference.tag or DEFAULT_TAG)
    found = _Found(reference, line, _facts(line, reference, world.registry))
    world.progress.step()
    return found


def _facts(line: Line, reference: ImageReference, registry: Registry) -> ImageFacts:
    """Return what the named digest says of itself, whatever its tag points to by now."""
    digest = reference.digest or registry.head(line).digest
    return registry.describe(line, registry.fetch(line, digest))
