"""How proposals are handled: the keys of a rule that are mappings themselves."""

from __future__ import annotations

from pydantic import StrictBool

from bot.model import rules
from bot.model.modes import UpdateMode
from bot.settings import times, urgencies
from bot.settings.section import Section


class Refresh(Section):
    """How often what is open may change under the people who look at it."""

    every: times.Age
    """How long a proposal stays as it is once somebody accepted it, or while all that is new is a digest's age."""


class OpenWhen(Section):
    """What makes an update worth opening a proposal for; either of it."""

    fixes: urgencies.Fixes
    """The least severity that it must fix one vulnerability of; `any` for anything, `kev` for one that is exploited."""
    or_older_than: times.Age | None = None
    """How long ago what is in use was built, for it to be replaced whatever that fixes. Absent: that does not count."""


class Schedule(Section):
    """Times in which proposals may be opened; what is open is cared for at any time."""

    cron: times.Cron
    """Five fields as in a crontab, the first of them `*`: `* 6-9 * * MON` is every Monday from six to ten."""
    timezone: times.Timezone = "UTC"
    """Whose clocks: a name of the IANA time zone database."""


class Automerge(Section):
    """When the forge may merge a proposal by itself: all of this must hold, and it must be no draft."""

    max_update: UpdateMode
    """How far its images may move: along their tags (`digest`), or to tags that are no farther; `none` is never."""
    require_scan: StrictBool = rules.Automerge(UpdateMode.NONE).require_scan
    """Whether what it moves to must have been scanned."""
    no_new: StrictBool = rules.Automerge(UpdateMode.NONE).no_new
    """Whether old and new must have been compared, and the new one bring no vulnerability."""
