"""The bundled network: data, network, training loop and freezing."""
