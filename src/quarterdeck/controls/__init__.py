"""The practices, objectives and points that maintenance evidence answers to; data only."""
