"""The whole job on an archive fetched from its origin: `make test-official`."""
