"""Numbers and arrays turned into pictures for people."""
