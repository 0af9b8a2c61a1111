"""Counterfoil: judge an agent's action before it runs, and keep the stub."""
