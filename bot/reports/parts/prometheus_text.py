"""Writes metrics in Prometheus' text format.

https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum

PREFIX = "basebump_"
_LABEL_ESCAPES = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})

Labels = Mapping[str, str]
Sample = tuple[Labels, float]


class MetricType(StrEnum):
    """The types of metrics that basebump writes."""

    GAUGE = "gauge"
    COUNTER = "counter"
    HISTOGRAM = "histogram"


def render_family(
    name: str, meaning: str, samples: Iterable[Sample], metric_type: MetricType = MetricType.GAUGE
) -> Iterator[str]:
    """Yield the lines of all samples of a metric; nothing if there are no samples."""
    lines = [_render_sample(name, labels, value) for labels, value in samples]
    if lines:
        yield from _render_head(name, meaning, metric_type)
        yield from lines


def render_histogram(
    name: str, meaning: str, bounds: Iterable[float], values: Mapping[float, int], total: float
) -> Iterator[str]:
    """Yield the lines of a histogram without labels.

    `values` maps the upper bound of each bucket to the number of values in the bucket. The last upper bound is
    infinity. `total` is the sum of all values.
    """
    yield from _render_head(name, meaning, MetricType.HISTOGRAM)
    count = 0
    for bound in bounds:
        count += values.get(bound, 0)
        yield _render_sample(f"{name}_bucket", {"le": f"{bound:g}"}, count)
    count = sum(values.values())
    yield _render_sample(f"{name}_bucket", {"le": "+Inf"}, count)
    yield _render_sample(f"{name}_sum", {}, total)
    yield _render_sample(f"{name}_count", {}, count)


def _render_head(name: str, meaning: str, metric_type: MetricType) -> Iterator[str]:
    yield f"# HELP {PREFIX}{name} {meaning}"
    yield f"# TYPE {PREFIX}{name} {metric_type.value}"


def _render_sample(name: str, labels: Labels, value: float) -> str:
    label_text = ",".join(f'{label}="{text.translate(_LABEL_ESCAPES)}"' for label, text in labels.items())
    return f"{PREFIX}{name}{{{label_text}}} {value}" if label_text else f"{PREFIX}{name} {value}"
