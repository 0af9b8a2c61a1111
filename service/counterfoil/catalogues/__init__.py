"""Catalogues: dated, sealed snapshots of what a resource holds, taken with read rights."""
