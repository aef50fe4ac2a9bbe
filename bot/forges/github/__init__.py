"""GitHub: github.com and Enterprise Servers."""
