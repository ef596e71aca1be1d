"""`python -m botbox_cli` and the console script."""

import gc
import os
import sys

COLLECT_AFTER = 100_000
"""Objects made between two collections. Imports make many and no garbage: at the default of 700, looking for it takes
a third of a short command's time."""


def main() -> None:
    """Run the program; it ends the process with the command's exit code."""
    gc.set_threshold(COLLECT_AFTER, 10, 10)
    # No plugin has a say in what settings are, and to look for one pydantic reads about every installed package.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    try:
        from botbox_cli.cli.app import app

        app()
    except KeyboardInterrupt:
        # Ctrl-C before the program could take care of it; nothing has been done yet.
        sys.exit(130)
    finally:
        # The process is about to end: its modules need not be searched for cycles once more.
        gc.freeze()


if __name__ == "__main__":
    main()
