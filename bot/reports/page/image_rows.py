"""Builds the rows of the fleet page's table of images, and the data from which the page's script draws them."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from bot.core.markdown import is_safe_url
from bot.core.registry_pages import find_registry_page
from bot.core.transition import shorten_digest
from bot.model.evidence import Severity
from bot.model.image_name import Digest
from bot.model.vocabulary import OPEN_OUTCOMES, ReferenceStatus
from bot.reports.page.page_charts import ImageKey, ReferenceInRepository
from bot.reports.page.run_facts import ProposalFacts, ReferenceFacts, RepositoryFacts, UpdateFacts
from bot.reports.parts.shown_rows import LinkedText, shorten_text

MAX_REFERENCES = 50
"""The maximum number of image references that are shown for one image.

The limit prevents a common image from filling the page.
"""
_STATUSES_BY_URGENCY = (
    ReferenceStatus.BLOCKED,
    ReferenceStatus.GONE,
    ReferenceStatus.REFUSED,
    ReferenceStatus.SUPERSEDED,
    ReferenceStatus.UPDATE,
    ReferenceStatus.UNRESOLVED,
    ReferenceStatus.HELD,
    ReferenceStatus.SKIPPED,
    ReferenceStatus.NOT_CHECKED,
    ReferenceStatus.UP_TO_DATE,
)
"""The statuses of image references, most urgent first. A status that a later version of basebump added comes last."""
_QUERY = re.compile(r"[A-Za-z0-9._~%=&/+-]*")
"""Matches the query in the URL of a file on Azure Repos."""
_DIGITS = re.compile(r"(\d+)")
SHOWN_SEVERITIES = (Severity.CRITICAL, Severity.HIGH)
"""The severities that have a column of their own."""


@dataclass(frozen=True, slots=True)
class ImageUserRow:
    """One image reference in the list of all references to an image."""

    repository: str
    path: str
    line_number: int
    address: str
    """The URL of the repository's files on its forge, to which `path` is added; empty if the URL is unknown."""
    digest: str
    """The shortened digest; empty if the reference has no digest."""
    status: str


@dataclass(frozen=True, slots=True)
class ImageRow:
    """An image, with the image references that use it."""

    image: str
    registry: str
    page: str
    """The URL of the image repository's page on its registry; empty if there is none."""
    repository_count: int
    reference_count: int
    pinned_count: int
    age_days: int | None
    """The age of the oldest digest in use, in days; None if the age is not known."""
    counts: Mapping[Severity, int] | None
    """The vulnerabilities of the digest in use, by severity; None if no digest in use was scanned."""
    exploited_count: int | None
    """The vulnerabilities in use that are known to be exploited; None if this was not looked up."""
    status: str
    """The most urgent status of the references."""
    next_digest: str
    """The shortened digest to which the image can be updated; empty if there is none."""
    request: LinkedText | None
    """An open pull request with the image; None if there is none."""
    owners: tuple[str, ...]
    """The owners of the files that use the image."""
    users: tuple[ImageUserRow, ...]
    left_out_users: int

    @property
    def pinned_percent(self) -> int:
        return 100 * self.pinned_count // self.reference_count

    def get_count(self, severity: Severity) -> int | None:
        return None if self.counts is None else self.counts.get(severity, 0)

    @property
    def sort_key(self) -> tuple[object, ...]:
        """The sort key of the image in the order that begins with the worst image.

        Versions are sorted by their numbers.

        A blocked image is worse than any vulnerability.
        """
        is_blocked = self.status == ReferenceStatus.BLOCKED.value
        worst = [self.exploited_count or 0, *(self.get_count(each) or 0 for each in SHOWN_SEVERITIES)]
        return (not is_blocked, *(-count for count in worst), _rank_status(self.status), _split_numbers(self.image))


def build_image_rows(
    located: Iterable[ReferenceInRepository], repositories: Sequence[RepositoryFacts], now: datetime | None
) -> list[ImageRow]:
    """Return a row for each image, the worst image first.

    Args:
        located: All image references.
        repositories: All repositories, with their proposals.
        now: The end of the run, from which ages are computed; None if the time is not known.
    """
    images: dict[ImageKey, list[ReferenceInRepository]] = {}
    for at in located:
        images.setdefault(at.image, []).append(at)
    requests = _list_requests(repositories)
    rows = [_build_row(key, users, requests.get(key), now) for key, users in images.items()]
    return sorted(rows, key=lambda row: row.sort_key)


def render_image_data(rows: Sequence[ImageRow]) -> str:
    """Return the rows as JSON for the script of the page. The text can be inserted into a `script` element.

    Texts that are repeated often, such as repositories and statuses, are replaced by their positions in the list
    `names`.
    """
    names: dict[str, int] = {}

    def number(text: str) -> int:
        return names.setdefault(text, len(names))

    def list_fields(user: ImageUserRow) -> list[object]:
        place = (number(user.repository), number(user.path), user.line_number, number(user.address))
        return [*place, user.digest, number(user.status)]

    images = [
        [
            row.image,
            number(row.registry),
            row.repository_count,
            row.reference_count,
            row.pinned_count,
            row.age_days,
            *(row.get_count(each) for each in SHOWN_SEVERITIES),
            row.exploited_count,
            number(row.status),
            row.next_digest,
            [row.request.text, row.request.address] if row.request is not None else None,
            number(row.page),
            list(map(number, row.owners)),
            list(map(list_fields, row.users)),
            row.left_out_users,
        ]
        for row in rows
    ]
    text = json.dumps({"names": list(names), "images": images}, separators=(",", ":"))
    return text.replace("<", "\\u003c")  # all other characters have no special meaning in a script element


def format_image(key: ImageKey) -> str:
    canonical, tag = key
    return shorten_text(f"{canonical}:{tag}" if tag else canonical)


def format_repository(tree: RepositoryFacts) -> str:
    return shorten_text(f"{tree.name} ({tree.base_branch})" if tree.base_branch else tree.name)


def format_status(reference: ReferenceFacts) -> str:
    return shorten_text(
        f"{reference.status} ({reference.reason})" if reference.reason is not None else reference.status
    )


def format_position(reference: ReferenceFacts) -> str:
    return f"{shorten_text(reference.path)}:{reference.line_number}"


def link_proposal(proposal: ProposalFacts) -> LinkedText:
    """Return the title of a proposal, with a link to the proposal if its URL is safe."""
    address = proposal.url if proposal.url is not None and is_safe_url(proposal.url) else None
    return LinkedText(shorten_text(proposal.title) or shorten_text(proposal.branch), address)


def _find_files_address(tree: RepositoryFacts) -> str:
    """Return the URL to which the path of a file is appended; empty if the URL is unknown or not safe."""
    address, _, query = (tree.files_url or "").partition("?")
    return tree.files_url or "" if is_safe_url(address) and _QUERY.fullmatch(query) else ""


def _list_requests(repositories: Iterable[RepositoryFacts]) -> Mapping[ImageKey, LinkedText]:
    """Return an open pull request for each image. If an image has several open pull requests, return the first one."""
    requests: dict[ImageKey, LinkedText] = {}
    for tree in repositories:
        for proposal in tree.proposals:
            if proposal.outcome in OPEN_OUTCOMES:
                for image in proposal.images:
                    requests.setdefault((image.canonical, image.tag), link_proposal(proposal))
    return requests


def _build_row(
    key: ImageKey,
    users: Sequence[ReferenceInRepository],
    request: LinkedText | None,
    now: datetime | None,
) -> ImageRow:
    references = [at.reference for at in users]
    updates = [each.update for each in references if each.update is not None]
    new_digests = Counter(each.new_digest for each in references if each.new_digest is not None)
    next_digest = new_digests.most_common(1)[0][0] if new_digests else None
    host, _, path = key[0].partition("/")
    return ImageRow(
        image=format_image(key),
        registry=shorten_text(host),
        page=find_registry_page(host, path) or "",
        repository_count=len({(at.repository.forge, at.repository.name) for at in users}),
        reference_count=len(users),
        pinned_count=sum(each.digest is not None for each in references),
        age_days=_find_age(updates, now),
        counts=_find_worst_counts(updates),
        exploited_count=max((each.exploited.old for each in updates if each.exploited is not None), default=None),
        status=shorten_text(min((each.status for each in references), key=_rank_status)),
        next_digest=shorten_text(shorten_digest(Digest(next_digest))) if next_digest is not None else "",
        request=request,
        owners=tuple(dict.fromkeys(shorten_text(owner) for each in references for owner in each.owners)),
        users=tuple(_build_user_row(at, _find_files_address(at.repository)) for at in users[:MAX_REFERENCES]),
        left_out_users=max(0, len(users) - MAX_REFERENCES),
    )


def _build_user_row(at: ReferenceInRepository, address: str) -> ImageUserRow:
    digest = shorten_digest(Digest(at.reference.digest)) if at.reference.digest is not None else ""
    return ImageUserRow(
        format_repository(at.repository),
        shorten_text(at.reference.path),
        at.reference.line_number,
        address,
        shorten_text(digest),
        format_status(at.reference),
    )


def _find_worst_counts(updates: Iterable[UpdateFacts]) -> Mapping[Severity, int] | None:
    """Return the counts of the worst digest in use; None if no digest in use was scanned."""
    all_counts = [
        {severity: each.old.counts.get(severity.word, 0) for severity in Severity}
        for each in updates
        if each.old is not None and each.old.counts is not None
    ]
    return max(all_counts, key=lambda counts: [counts[each] for each in sorted(Severity, reverse=True)], default=None)


def _find_age(updates: Iterable[UpdateFacts], now: datetime | None) -> int | None:
    builds = [each.old.created for each in updates if each.old is not None and each.old.created is not None]
    return max(0, (now - min(builds)).days) if builds and now is not None else None


def _rank_status(status: str) -> int:
    ranks = {each.value: rank for rank, each in enumerate(_STATUSES_BY_URGENCY)}
    return ranks.get(status, len(ranks))


def _split_numbers(text: str) -> list[tuple[int, int, str]]:
    """Return a key that sorts numbers in a text by their values, so that `node:9` comes before `node:22`."""
    parts = _DIGITS.split(text)
    return [(1, int(part[:18]), part) if index % 2 else (0, 0, part) for index, part in enumerate(parts)]
