"""What runs on a target: these parts are joined into one file and sent over standard input, never written there."""
