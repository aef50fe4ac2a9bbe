"""Says when and how data appears on the pages, while the state contains none."""

from __future__ import annotations

from collections.abc import Iterator

from bot.serve.pages.cells import describe_span
from bot.serve.pages.ports import PagePorts


def explain_empty_state(ports: PagePorts) -> Iterator[str]:
    """Yield a sentence about the first data; nothing if basebump has read a repository."""
    if ports.inventory.load_coverage().oldest_read_at is not None:
        return
    yield (
        "basebump has not read a repository yet. It first lists all repositories, and then reads one after the other. "
        f"{_describe_progress(ports)} The page Queue shows the progress."
    )


def _describe_progress(ports: PagePorts) -> str:
    figures = ports.queue.compute_figures()
    if figures.claimed:
        return "It is working on this now."
    if figures.due:
        return (
            "This starts as soon as a worker is free: `basebump serve`, or `basebump work` if the config has `queue`."
        )
    if figures.waiting and figures.next_due_in is not None:
        return f"The next work starts in {describe_span(figures.next_due_in)}."
    return "This starts within a minute after `basebump serve` was started."
