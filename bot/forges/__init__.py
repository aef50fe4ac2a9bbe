"""Adapters for forges, one folder each; they carry out steps and decide nothing. Shared modules lie beside them."""
