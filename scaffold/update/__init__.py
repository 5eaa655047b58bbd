"""`kscaffold update`: changes options or takes new templates, and keeps edits."""
