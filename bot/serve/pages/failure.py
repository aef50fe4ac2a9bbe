"""The page that browsers get instead of a line of text if a request cannot be answered."""

from __future__ import annotations

from http import HTTPStatus

from bot.serve.http import TEXT, HttpRequest, Response
from bot.serve.pages.content import PageContent, Part
from bot.serve.pages.renderer import PageRenderer

_FIRST_FAILURE = 400
_TITLES = {
    HTTPStatus.FORBIDDEN: "No access",
    HTTPStatus.NOT_FOUND: "Not found",
    HTTPStatus.INTERNAL_SERVER_ERROR: "This page failed",
    HTTPStatus.SERVICE_UNAVAILABLE: "Not available at the moment",
}
_SENTENCES = {
    HTTPStatus.NOT_FOUND: "There is no page at this address. The search finds images and repositories by their names.",
    HTTPStatus.INTERNAL_SERVER_ERROR: "basebump has a bug in this page. The log of the service contains the details.",
}
"""The sentences that replace a text that says too little."""


def show_failure(renderer: PageRenderer, request: HttpRequest, response: Response) -> Response:
    """Return the page for a response that is a line of text about a failure; otherwise return the response.

    Programs, which do not accept HTML, get the line of text. The status and the headers stay the same.
    """
    is_text = response.status >= _FIRST_FAILURE and response.content_type == TEXT
    if not is_text or "text/html" not in request.headers.get("accept", ""):
        return response
    status = HTTPStatus(response.status)
    text, _, hint = response.body.decode("utf-8", "replace").strip().partition("; hint: ")
    content = PageContent(
        title=_TITLES.get(status, status.phrase),
        lead=(Part(_SENTENCES.get(status) or _build_sentence(text)),),
        notices=(_build_sentence(hint),) if hint else (),
        status=response.status,
    )
    page = renderer.render(content, request)
    return Response(page.status, page.body, page.content_type, (*page.headers, *response.headers))


def _build_sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}{'' if text.endswith('.') else '.'}"
