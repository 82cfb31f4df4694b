"""Backend package named in DATABASES; Django looks for base.DatabaseWrapper."""
