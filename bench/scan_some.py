"""Run `basebump scan --offline` with only some formats: `python bench/scan_some.py NAME,NAME… FOLDER`."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bot import wiring
from bot.__main__ import main
from bot.formats import load_all_formats

if __name__ == "__main__":
    chosen = frozenset(sys.argv[1].split(","))
    some_formats = tuple(each for each in load_all_formats() if each.name in chosen)
    wiring.load_all_formats = lambda: some_formats  # the scan calls this function if it has no config
    sys.argv[1:] = ["scan", "--offline", "--format", "json", sys.argv[2]]
    sys.exit(main())
