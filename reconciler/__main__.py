"""`python -m reconciler`: the same as the installed command."""

from reconciler.cli import main

if __name__ == "__main__":
    main()
