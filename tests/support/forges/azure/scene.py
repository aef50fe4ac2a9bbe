"""Opens a pull request with attributes on the stand of Azure Repos, and returns it as the server stores it."""

from __future__ import annotations

from dataclasses import replace

from support.forges.contract_scene import BODY, BRANCH, proposal

from bot.model.request_attributes import RequestAttributes


def open_with(stand, attributes=None, *, draft=False, body=None):
    wanted = replace(proposal(body=body or BODY), attributes=attributes or RequestAttributes(), is_draft=draft)
    forge = stand.forge()
    forge.push(BRANCH, wanted.changes, wanted.commit_message, None)
    return forge.open(wanted)


def get_request(stand):
    (request,) = stand.repository.requests
    return request
