"""Run the benchmarks and write what they print to a page.

    python -m benchmarks.all [--output docs/benchmarks.md] [--only peers,memory] [--environments DIRECTORY]

Each section is the output of the command above it, on an otherwise idle machine. Sections that are not run again
(--only) stay as they are on the page.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path
from typing import Final

HEAD: Final = """# Benchmarks

What the commands below printed last; each section says on which machine and day. Ratios within one section can be
compared between machines, times cannot. `python -m benchmarks.all` prints this page anew; the machine should have
nothing else to do. Where a measured figure misses the wanted one, it is missed.
"""

SECTIONS: Final = {
    "start_up": ("How long a person waits for `sim run`", ["benchmarks.start_up"]),
    "fast_engine": ("The fast engine beside the reference engine", ["benchmarks.fast_engine"]),
    "peers": ("The fast engine beside other simulators", ["benchmarks.peers"]),
    "memory": ("Memory by the number of operations", ["benchmarks.memory"]),
}


def read(path: Path) -> dict[str, str]:
    """Return the sections of a page by heading, empty without a page."""
    parts = path.read_text(encoding="utf-8").split("\n## ")[1:] if path.exists() else []
    return {heading: text.strip("\n") for heading, _, text in (part.partition("\n") for part in parts)}


def run(module: list[str]) -> str:
    """Run a benchmark and return the command with what it printed."""
    done = subprocess.run([sys.executable, "-m", *module], stdout=subprocess.PIPE, text=True, check=True)
    return f"    python -m {' '.join(module)}\n\n{done.stdout.strip()}"


def main() -> None:
    """Write the page."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--output", type=Path, default=Path("docs/benchmarks.md"))
    parser.add_argument("--only", default=",".join(SECTIONS), help=f"of {', '.join(SECTIONS)}")
    parser.add_argument("--environments", help="where the other simulators are installed, and kept")
    given = parser.parse_args()
    page = read(given.output)
    for name in given.only.split(","):
        if name not in SECTIONS:
            parser.error(f"--only: found {name}; accepted: {', '.join(SECTIONS)}")
        heading, module = SECTIONS[name]
        kept = ["--environments", given.environments] if given.environments and name == "peers" else []
        page[heading] = run([*module, *kept])
        if kept:
            page[heading] = page[heading].replace(f" {' '.join(kept)}", "", 1)
    sections = [f"## {heading}\n\n{page[heading]}\n" for heading, _ in SECTIONS.values() if heading in page]
    given.output.write_text("\n".join([HEAD, *sections]), encoding="utf-8")


if __name__ == "__main__":
    main()
