"""Engines that wake the workers of the service. The pending work itself is in the state."""
