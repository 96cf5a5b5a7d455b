"""What to do with a text and what it costs: pure decisions, standard library only."""
