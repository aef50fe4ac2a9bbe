"""Kill a service with SIGKILL while images are pushed: `python bench/killed_service.py [KILLS]`.

The default is 50 kills, which take some minutes. A real docker-registry sends the events. Two repositories on the
simulated GitHub of the tests use each image. At the end, every repository must have exactly one pull request, for the
newest digest.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(PROJECT), str(PROJECT / "tests")]

from support.runs.killed_service import kill_service  # noqa: E402 - the folders are put on the path above

DEFAULT_KILLS = 50


def main(kills: int) -> None:
    """Kill the service while images are pushed, and print the numbers of lost and repeated pull requests."""
    with tempfile.TemporaryDirectory() as folder:
        report = kill_service(Path(folder), kills, seed=kills)
    print(f"kills                                    {report.kills:5}")
    print(f"kills while work was being done          {report.interrupted:5}")
    print(f"repositories without a pull request      {len(report.lost):5}")
    print(f"repositories with several pull requests  {len(report.repeated):5}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else DEFAULT_KILLS)
