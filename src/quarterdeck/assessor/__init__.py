"""What leaves for the assessor: packages, the report, objective status. Reads everything, changes only its own."""
