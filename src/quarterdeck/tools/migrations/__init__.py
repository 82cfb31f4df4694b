"""Schema history of this app; one initial migration until the first release."""
