"""Answers that no Azure DevOps sends. They are failures of one repository, and do not end the run."""

from __future__ import annotations

import pytest
from support.forges.azure.shapes import AzureJson
from support.forges.contract_scene import BRANCH, PREFIX, propose

from bot.forges.hosted.refusal import RefusedError


@pytest.mark.parametrize("time", ["2026-11-25T12:00:00", "yesterday", None])
def test_pull_request_with_invalid_time_or_missing_time_zone_is_refused(stand, time):
    propose(stand)
    (request,) = stand.repository.requests
    shapes = AzureJson(stand.server.url)
    answer = shapes.request(stand.repository, request, is_listed=True) | {"creationDate": time}
    stand.server.fail("GET .*/pullrequests[?]", stand.server.reply({"count": 1, "value": [answer]}))
    forge = stand.forge()
    with pytest.raises(RefusedError, match="does not have Azure DevOps's format"):
        forge.list_requests(PREFIX, frozenset({BRANCH}))
