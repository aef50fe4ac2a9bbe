"""What logs in to clouds and asks them, on loopback: emulators of Azure's services, Amazon's and Google's logins."""
