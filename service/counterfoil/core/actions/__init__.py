"""Interpreters: what a command would do, read from the command itself (DESIGN step 3)."""
