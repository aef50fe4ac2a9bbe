"""Emulators of Azure's services and of the logins of Amazon and Google, on loopback."""
