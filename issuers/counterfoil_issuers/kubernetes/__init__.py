"""The `kubernetes` kind of issuer: an account, a role and admission policies for each job.

settings.py   the `[target]` table
objects.py    what a job is in a cluster, and the limits that are made of it (pure)
target.py     make, end, and what is left over
probing.py    the limits, seen to hold at every API server
"""

from counterfoil_issuers.kubernetes.target import build

__all__ = ["build"]
