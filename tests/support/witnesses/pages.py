"""HTML as a browser would take it apart, as far as tests ask."""

from __future__ import annotations

from html.parser import HTMLParser


class PageOutline(HTMLParser):
    """Every element with its attributes, and every text with the element that it stands in."""

    VOID = frozenset({"meta", "link", "input", "rect", "br"})

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[tuple[str, str]] = []
        self.unclosed: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.unclosed.append(tag)

    def handle_endtag(self, tag):
        assert self.unclosed.pop() == tag

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data):
        if data.strip():
            self.texts.append((self.unclosed[-1] if self.unclosed else "", data.strip()))

    def handle_comment(self, data):
        raise AssertionError(data)

    def shape(self) -> list[tuple[str, ...]]:
        """Return the structure of a page that no text can change: elements and attribute names, in order."""
        return [(tag, *attributes) for tag, attributes in self.elements]

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for each, attributes in self.elements if each == tag]

    def rows(self, *words: str) -> bool:
        """Return True if these texts follow each other."""
        said = [text for _, text in self.texts]
        return any(said[start : start + len(words)] == list(words) for start in range(len(said)))
