"""The ledger on PostgreSQL, for replicas: plain inserts, and an integrator that numbers them.

Life of an entry: each replica's writer inserts a record with its signed receipt and commits
(`store.py`, `group.py`); then it is acknowledged. One of the integrators (`integrator.py`)
holds the head row's lock, gives every record whose transaction can no longer be overtaken
its place, and signs the tree over it in the same transaction.
"""
