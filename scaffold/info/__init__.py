"""`kscaffold info`: describes the installation, and what a folder holds."""
