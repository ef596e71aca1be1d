"""`python -m botbox_cli` and the console script."""

from botbox_cli import __version__


def main() -> None:
    print(f"botbox {__version__}")


if __name__ == "__main__":
    main()
