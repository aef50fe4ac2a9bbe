"""Keep the tag lists of a run in memory, within a limit on all of them together."""

from __future__ import annotations

import threading

from bot.model.cost_limits import MAX_TAG_COMPARISONS
from bot.model.errors import RegistryError
from bot.model.image_name import TagRef
from bot.model.vocabulary import Reason


class TagListCollection:
    """The tags of each repository of a run. Threads share the object.

    All lists together have at most MAX_TAG_COMPARISONS tags. Each tag is compared at least once, so more tags would not
    be compared anyway. If there are more, the longest lists are dropped, so that a repository with very many tags
    excludes no others. The result does not depend on the order in which the lists arrive.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._tag_count = 0
        self.tags_by_repository: dict[str, tuple[str, ...]] = {}
        self.excess: dict[str, RegistryError] = {}
        """An error for each repository whose list was dropped."""

    def add_tags(self, repository: str, tags: tuple[str, ...]) -> None:
        """Add the tags of a repository, and drop the longest lists if there are too many tags now."""
        with self._lock:
            self.tags_by_repository[repository] = tags
            self._tag_count += len(tags)
            while self._tag_count > MAX_TAG_COMPARISONS:
                longest = max(self.tags_by_repository, key=lambda each: (len(self.tags_by_repository[each]), each))
                self._tag_count -= len(self.tags_by_repository.pop(longest))
                self.excess[longest] = make_excess_error(longest)


def make_excess_error(repository: str) -> RegistryError:
    """Return the error for a repository whose tags are not compared, because they are too many."""
    return RegistryError(
        TagRef(repository, "").host,
        Reason.REGISTRY_ERROR,
        f"the tags of {repository} were not compared with the tags in files, because all images of the run together "
        f"need more than {MAX_TAG_COMPARISONS} comparisons; hint: set `update: digest` for the image",
        is_failure=False,
    )
