"""`python -m jv3search` is `jv3search`."""

from jv3search.cli import main

main()
