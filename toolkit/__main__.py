"""``python -m toolkit``: the command line, also where the script is not on the PATH."""

from toolkit.cli import main

main()
