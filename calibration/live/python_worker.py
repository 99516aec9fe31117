"""One copy of a Python callable: `python -m calibration.live.python_worker MODULE:FUNCTION`.

The CPU clock is read around each operation only where that is asked for: reading it ends the slice of a process
that shares its core.
"""

from __future__ import annotations

import importlib
import os
import sys
import time
from collections.abc import Callable
from typing import Any

from calibration.live.names import CPU_VARIABLE
from calibration.live.worker import OperationFailed, Task, in_words, take_part


def load(target: str) -> Callable[[], Any]:
    """Return the callable that `module:function` names, looked for in the current directory too.

    Raises OperationFailed, in words for its author.
    """
    module_name, _, path = target.partition(":")
    if not module_name or not path:
        raise OperationFailed(f'the name "{target}", which is not of the form module:function')
    sys.path.insert(0, os.getcwd())
    try:
        found: Any = importlib.import_module(module_name)
        for name in path.split("."):
            found = getattr(found, name)
    except Exception as error:
        raise OperationFailed(in_words(error)) from None
    if not callable(found):
        raise OperationFailed(f"a {type(found).__name__}, which cannot be called")
    return found  # type: ignore[no-any-return]


def main() -> int:
    """Take part in one level."""
    clock = time.process_time_ns if os.environ.get(CPU_VARIABLE) == "1" else None
    return take_part(lambda: Task(load(sys.argv[1]), clock))


if __name__ == "__main__":
    sys.exit(main())
