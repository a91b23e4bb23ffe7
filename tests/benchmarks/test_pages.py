"""Tables between their marks: theirs change, nothing else does."""

from __future__ import annotations

import pytest

from benchmarks.pages import put_tables

PAGE = """# a
<!-- table: one -->
old
<!-- end -->
between
<!-- table: two -->
<!-- end -->
"""


def test_a_table_is_put_in_its_place_again_and_again() -> None:
    page = put_tables(PAGE, {"two": "| \\2 |\n"})
    assert page == PAGE.replace("two -->\n", "two -->\n| \\2 |\n")
    assert put_tables(page, {"two": "| \\2 |\n"}) == page
    assert put_tables(page, {"two": ""}) == PAGE


def test_a_table_without_a_place_is_refused() -> None:
    with pytest.raises(ValueError, match="no mark for: three"):
        put_tables(PAGE, {"one": "", "three": ""})
