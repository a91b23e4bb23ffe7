"""The bundled network, and the script that makes it, importable by the tests."""
