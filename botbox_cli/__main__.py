"""`python -m botbox_cli` and the console script."""

from botbox_cli.cli.app import app


def main() -> None:
    """Run the program; it ends the process with the command's exit code."""
    app()


if __name__ == "__main__":
    main()
