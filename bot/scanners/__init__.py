"""Adapters for vulnerability scanners, one module each. Modules with an underscore contain the parts of adapters."""
