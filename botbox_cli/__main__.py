"""`python -m botbox_cli` and the console script."""

import sys

from botbox_cli import __version__


def main() -> None:
    sys.stdout.write(f"botbox {__version__}\n")


if __name__ == "__main__":
    main()
