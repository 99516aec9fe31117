"""The fresh process of a probe; it prints one JSON object.

    python -m calibration.host.worker PARENT MODULE '{"window_s": 0.3}'


`{"quantities": {name: [values]}, "wait_share": share or null}`, or `{"unavailable": reason}`.
"""

from __future__ import annotations

import gc
import json
import sys
from importlib import import_module

from calibration.host.processes import Unavailable, die_with_parent


def main(parent: str, module: str, options: str) -> int:
    """Run a probe module's `measure` with options as JSON and print what it returns. parent: process id."""
    die_with_parent(int(parent))
    gc.disable()
    try:
        quantities, wait_share = import_module(module).measure(**json.loads(options))
    except Unavailable as error:
        print(json.dumps({"unavailable": str(error)}))
        return 0
    except PermissionError as error:
        print(json.dumps({"unavailable": f"not permitted here ({error})"}))
        return 0
    print(json.dumps({"quantities": quantities, "wait_share": wait_share}))
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
