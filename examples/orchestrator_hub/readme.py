"""Makes README.md from README.template.md by running each command: `python -m examples.orchestrator_hub.readme`.

A block of the template that begins with ```console holds one command after "$ "; what the command prints replaces
whatever else stands in the block. `--only N,...` runs the blocks of these numbers and keeps the others as README.md
has them, so that a part can be refreshed.
"""

from __future__ import annotations

import argparse
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

from examples.orchestrator_hub.figures import HERE

ROOT = HERE.parent.parent
TEMPLATE = HERE / "README.template.md"
README = HERE / "README.md"
BLOCK = re.compile(r"```console\n\$ (?P<command>[^\n]+)\n(?P<printed>.*?)```", re.DOTALL)
ALLOWED = ("sim", "python")
NOT_RUN = "(not run)\n"
NOTE = "<!-- Made from README.template.md by `python -m examples.orchestrator_hub.readme`. -->\n"


def commands(text: str) -> list[str]:
    """Return the commands of a text in their order."""
    return [match["command"] for match in BLOCK.finditer(text)]


def printed_by(command: str) -> str:
    """Run a command of the project from its root and return what it prints; its first word is sim or python."""
    words = shlex.split(command)
    if words[0] not in ALLOWED:
        raise ValueError(f"{command!r}: found {words[0]}; accepted: {' or '.join(ALLOWED)}")
    program = [sys.executable] if words[0] == "python" else [str(Path(sys.executable).with_name("sim"))]
    environment = os.environ | {"COLUMNS": "110", "NO_COLOR": "1"}
    done = subprocess.run(
        [*program, *words[1:]], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode not in (0, 99):
        raise RuntimeError(f"{command}: exit {done.returncode}\n{done.stderr}")
    return done.stdout.strip("\n") + "\n"


def rendered(template: str, only: set[int] | None = None, before: str = "") -> str:
    """Return a template with the output of its commands; of those not in `only`, with what stood there before."""
    kept = {match["command"]: match["printed"] for match in BLOCK.finditer(before)}
    number = 0

    def block(match: re.Match[str]) -> str:
        nonlocal number
        number += 1
        command = match["command"]
        printed = printed_by(command) if only is None or number in only else kept.get(command, NOT_RUN)
        return f"```console\n$ {command}\n{printed}```"

    return BLOCK.sub(block, template)


def main() -> None:
    """Write README.md, anew after each command, so that what is interrupted is not lost."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", help="numbers of the blocks that are run again, such as 1,4")
    only = parser.parse_args().only
    template = TEMPLATE.read_text(encoding="utf-8")
    every = range(1, len(commands(template)) + 1)
    for number in every if only is None else [int(text) for text in only.split(",")]:
        print(f"{number}: {commands(template)[number - 1]}", file=sys.stderr, flush=True)
        before = README.read_text(encoding="utf-8") if README.exists() else ""
        README.write_text(NOTE + rendered(template, {number}, before), encoding="utf-8")


if __name__ == "__main__":
    main()
