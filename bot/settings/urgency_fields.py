"""Types of config values that select vulnerabilities: a severity, or `kev` for those known to be exploited."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import BeforeValidator, WithJsonSchema

from bot.model.advisory import AdvisoryList
from bot.model.evidence import Severity, Urgency

_URGENCIES: Mapping[str, Urgency] = {
    AdvisoryList.KEV.value: AdvisoryList.KEV,
    **{each.word: each for each in reversed(Severity)},
}
_FIXES: Mapping[str, Urgency] = {
    **{word: each for word, each in _URGENCIES.items() if each is not Severity.UNKNOWN},
    "any": Severity.UNKNOWN,
}


def _build_choice_validator(choices: Mapping[str, Urgency]) -> BeforeValidator:
    def check(value: object) -> object:
        if not isinstance(value, str) or value not in choices:
            raise ValueError(f"must be one of {', '.join(choices)}")
        return choices[value]

    return BeforeValidator(check)


UrgencyName = Annotated[
    Urgency, _build_choice_validator(_URGENCIES), WithJsonSchema({"type": "string", "enum": [*_URGENCIES]})
]
Fixes = Annotated[Urgency, _build_choice_validator(_FIXES), WithJsonSchema({"type": "string", "enum": [*_FIXES]})]
