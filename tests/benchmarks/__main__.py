"""
Run every benchmark, or those named, and print a table: ``python -m benchmarks [NAME...]``.

Nothing here passes or fails. ``--write FILE`` also writes the table as Markdown.
"""

from __future__ import annotations

import argparse
import asyncio
import datetime
import os
import platform
import sys
from importlib import import_module
from pathlib import Path
from typing import Final

from benchmarks._measure import Row

BENCHMARKS: Final = sorted(
    path.stem.removeprefix("bench_") for path in Path(__file__).parent.glob("bench_*.py")
)


def table(rows: list[Row]) -> str:
    """Return *rows* as a Markdown table."""
    lines = ["| Work | Median | Rounds | Target | Met | |", "| --- | --- | --- | --- | --- | --- |"]
    lines += [
        f"| {row.work} | {row.figure} | {row.spread} | {row.target} | "
        f"{'yes' if row.met else 'no'} | {row.detail} |"
        for row in rows
    ]
    return "\n".join(lines)


def main() -> None:
    """Run what the command line names."""
    parser = argparse.ArgumentParser(description="Measure zpns beside its yardsticks.")
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--write", type=Path, help="also write the table to this file")
    options = parser.parse_args()
    rows: list[Row] = []
    for name in options.names or BENCHMARKS:
        print(f"{name} ...", file=sys.stderr, flush=True)
        rows += asyncio.run(import_module(f"benchmarks.bench_{name}").run())
    today = datetime.datetime.now(tz=datetime.UTC).date()
    text = (
        f"Measured on {today}, CPython {platform.python_version()}, {os.cpu_count()} cores, "
        f"{platform.system()}.\n"
        "Ratios and medians of rounds taken side by side in one run.\n\n"
        f"{table(rows)}\n"
    )
    print(text)
    if options.write is not None:
        options.write.write_text(f"# Measurements\n\n{text}", encoding="utf-8")


if __name__ == "__main__":
    main()
