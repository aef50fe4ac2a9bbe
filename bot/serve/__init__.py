"""The service `basebump serve`: it receives events, does pending work, and serves pages."""
