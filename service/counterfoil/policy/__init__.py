"""The adapter to the policy engine."""
