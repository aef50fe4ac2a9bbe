"""Queue engines that wake the workers of the service. The state database contains the pending work itself."""
