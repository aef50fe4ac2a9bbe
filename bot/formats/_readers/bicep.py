"""Read Bicep files: the images of container apps, container instances and web apps on Azure.

A digest may be written into a string, or into the default of the parameter or variable that is the value of an image.
Other expressions are not evaluated.
"""

from __future__ import annotations

from collections.abc import Iterator

from bot.formats._syntax.azure_resources import TemplateImages
from bot.formats._syntax.bicep_scanner import BicepScanner
from bot.formats._syntax.broken import BrokenAtError, BrokenFile
from bot.formats._syntax.line_offsets import LineOffsets
from bot.model.extracted_item import ExtractedItem
from bot.model.source import SourceFile

_FORMAT = "bicep"


def read(file: SourceFile) -> Iterator[ExtractedItem]:
    """Yield the images in a file, in the order of their lines."""
    scanner = BicepScanner(file.content)
    try:
        scanner.scan()
    except (UnicodeDecodeError, BrokenAtError) as error:
        yield BrokenFile.create_from_error(file.content, error).make_unsupported(file.path)
        return
    get_line_number = LineOffsets(file.content).get_line_number
    images = TemplateImages(file.path, _FORMAT, get_line_number, scanner.named_values, scanner.use_counts)
    yield from images.read_values(scanner.images)
