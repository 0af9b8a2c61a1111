"""What is known of the Kubernetes API: kinds, fields and powers.

Read by two that never meet: the interpreter in the reader child, and whoever makes admission
policies out of permissions.
"""
