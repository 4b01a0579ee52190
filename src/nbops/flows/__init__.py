"""Stories that need two or more verbs, one file each."""
