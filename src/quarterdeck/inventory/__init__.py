"""What is maintained and how it is reached: assets, connections, entry points, the CSV that brings them in."""
