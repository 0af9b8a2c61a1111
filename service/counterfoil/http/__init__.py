"""Thin blueprints over the flows."""
