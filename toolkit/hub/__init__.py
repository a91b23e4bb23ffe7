"""Models and exports: catalog, store, what a MODEL argument means, a backend opened for it."""
