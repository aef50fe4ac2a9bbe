"""Evidence about an update: packages and signatures of both images, vulnerabilities fixed and added, and the gates."""
