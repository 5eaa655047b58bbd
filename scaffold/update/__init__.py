"""`kscaffold update`: other options or newer templates, and the user's edits stay."""
