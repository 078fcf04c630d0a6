"""Lets many sessions of the studio click at once, and looks for faults."""

from __future__ import annotations

import argparse

from benchmarks.studio.crowd import run_crowd


def main() -> int:
    """Measure; return an exit code."""
    parser = argparse.ArgumentParser("benchmarks.studio", description=__doc__)
    parser.add_argument("--num", type=int, default=20, help="number of sessions")
    parser.add_argument("--minutes", type=float, default=5.0, help="how long they click")
    given = parser.parse_args()
    try:
        report = run_crowd(given.num, 60 * given.minutes)
    except FileNotFoundError as error:  # there is no browser
        parser.exit(1, f"{error}\n")
    print(report.describe())
    print("\n".join(report.wrong[:10]))
    return 1 if report.wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
