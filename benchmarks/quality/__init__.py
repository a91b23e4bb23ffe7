"""How near a portrait is to the ideal one, on scenes whose every layer is known."""
