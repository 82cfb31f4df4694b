"""What the targets' own logs say of logins and commands, and the sealed accounts for the day of need."""
