"""The pages for people: signing in, approving, and what happened (docs/console.md)."""
