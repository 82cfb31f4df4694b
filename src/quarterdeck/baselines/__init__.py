"""Facts of watched files before and after the work, and the drift between them."""
