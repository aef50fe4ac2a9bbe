"""Evidence on two images: their packages and signatures, the vulnerabilities fixed and added, and the gates."""
