"""The installed command, and `python -m reconciler`."""

import sys

from reconciler import process


def main() -> None:
    """Run the command that the arguments name, with signals remembered from here on."""
    process.early_signals.remember()
    process.open_standard_streams()
    process.begin_loading()
    from reconciler.cli import run  # noqa: PLC0415 - takes long enough for a signal to come in between

    try:
        exit_code = run()
    finally:
        process.early_signals.ignore()
    sys.exit(exit_code)


if __name__ == "__main__":
    main()
