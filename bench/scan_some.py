"""Run `basebump scan --offline` with only some formats: `python bench/scan_some.py NAME,NAME… FOLDER`."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bot import wiring
from bot.cli.app import main

if __name__ == "__main__":
    chosen = frozenset(sys.argv[1].split(","))
    with_globs = wiring.load_formats_with_globs
    wiring.load_formats_with_globs = lambda globs: tuple(each for each in with_globs(globs) if each.name in chosen)
    sys.exit(main(["scan", "--offline", "--format", "json", sys.argv[2]]))
