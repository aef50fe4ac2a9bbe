"""The keys of a rule that are mappings themselves, and that say how proposals are handled."""

from __future__ import annotations

from datetime import timedelta

from pydantic import StrictBool

from bot.model import rules
from bot.model.limits import ProposalSchedule
from bot.model.modes import UpdateMode
from bot.settings import time_fields, urgency_fields
from bot.settings.section import ConfigSection


class RefreshSection(ConfigSection):
    """How often an open proposal may change while people review it."""

    every: time_fields.Age
    """How long an accepted proposal stays unchanged, and one for which a newer digest merely became old enough."""

    def to_policy(self) -> timedelta:
        """Return the value of the policy key."""
        return self.every


class OpenWhenSection(ConfigSection):
    """Conditions for opening a proposal; one of them is enough."""

    fixes: urgency_fields.Fixes
    """The least severity of a vulnerability that the update fixes; `any` for any, `kev` for an exploited one."""
    or_older_than: time_fields.Age | None = None
    """Also open a proposal if the image in use was built longer ago than this. Default: its age does not count."""

    def to_policy(self) -> rules.OpenCondition:
        """Return the value of the policy key."""
        return rules.OpenCondition(self.fixes, self.or_older_than)


class ScheduleSection(ConfigSection):
    """When proposals may be opened; open ones are updated and closed at any time."""

    cron: time_fields.Cron
    """A crontab expression of five fields, the first of them `*`: `* 6-9 * * MON` is every Monday from 6:00 to 9:59."""
    timezone: time_fields.Timezone = "UTC"
    """The time zone of the schedule: a name of the IANA time zone database."""

    def to_policy(self) -> tuple[ProposalSchedule, ...]:
        """Return the value of the policy key, which has room for several schedules."""
        return (ProposalSchedule(self.cron, self.timezone),)


class AutomergeSection(ConfigSection):
    """When the forge may merge a proposal by itself: all conditions must hold, and it must not be a draft."""

    max_update: UpdateMode
    """How far its images may be updated: only along their tags (`digest`), or to newer tags; `none` means never."""
    require_scan: StrictBool = rules.AutomergeConditions(UpdateMode.NONE).require_scan
    """Whether the new image must have been scanned."""
    no_new: StrictBool = rules.AutomergeConditions(UpdateMode.NONE).forbids_introduced
    """Whether the new image, compared with the old one, must have no new vulnerabilities."""

    def to_policy(self) -> rules.AutomergeConditions:
        """Return the value of the policy key."""
        return rules.AutomergeConditions(self.max_update, self.require_scan, self.no_new)
