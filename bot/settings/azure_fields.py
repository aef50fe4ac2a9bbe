"""Types of config values that name resources in Azure."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator

from bot.settings.patterns import build_pattern_schema, build_pattern_validator

_GUID = r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}"
_SUBSCRIPTION = re.compile(_GUID, re.ASCII)
_REGISTRY_RESOURCE = re.compile(
    rf"/subscriptions/{_GUID}"
    r"/resource[Gg]roups/[A-Za-z0-9._()-]{0,89}[A-Za-z0-9_()-]"
    r"/providers/Microsoft\.ContainerRegistry/registries/[A-Za-z0-9]{5,50}",
    re.ASCII,
)

SubscriptionId = Annotated[
    str,
    AfterValidator(
        build_pattern_validator(_SUBSCRIPTION, "is not a subscription ID; hint: `az account show --query id` prints it")
    ),
    build_pattern_schema("subscription ID", _SUBSCRIPTION),
]
RegistryResourceId = Annotated[
    str,
    AfterValidator(
        build_pattern_validator(
            _REGISTRY_RESOURCE,
            "is not the resource ID of a registry; hint: write all that `az acr show --name NAME --query id` prints",
        )
    ),
    build_pattern_schema("resource ID", _REGISTRY_RESOURCE),
]
