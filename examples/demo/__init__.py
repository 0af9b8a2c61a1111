"""`make demo`: an AutoGen team on a real database, and what Counterfoil makes of it."""
