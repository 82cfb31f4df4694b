"""What the bytes of a file really are: one reader per form, each in constant memory, none of which unpacks or runs."""
