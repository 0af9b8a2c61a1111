"""The only makers of verified claims."""
