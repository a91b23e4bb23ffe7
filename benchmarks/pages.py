"""Pages of the docs whose tables are made of measurements, each between two marks."""

from __future__ import annotations

import re
from collections.abc import Mapping

MARKED = re.compile(r"(<!-- table: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


def marks(page: str) -> list[str]:
    """Return the names in a page's marks, in order."""
    return [name for _, name, _ in MARKED.findall(page)]


def put_tables(page: str, tables: Mapping[str, str]) -> str:
    """Put tables between their marks, ``<!-- table: name -->`` and ``<!-- end -->``.

    Parameters
    ----------
    page : str
        Markdown; what stands around the tables stays.
    tables : mapping of str to str
        By the name in their mark, each ending with a line feed. Other tables stay as they are.

    Raises
    ------
    ValueError
        The page has no mark for a table.
    """
    missing = set(tables) - set(marks(page))
    if missing:
        raise ValueError(f"the page has no mark for: {', '.join(sorted(missing))}")

    def filled(found: re.Match[str]) -> str:
        begin, name, end = found.groups()
        return f"{begin}{tables[name]}{end}" if name in tables else found[0]

    return MARKED.sub(filled, page)
