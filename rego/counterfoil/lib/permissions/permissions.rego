# METADATA
# title: Permissions
# description: What an allow grants.
# schemas:
#   - input: schema.policy_input
package counterfoil.lib.permissions

# METADATA
# title: Required permissions
# description: |
#   The interpreter's exact set. It is read only where every operation is covered, so nothing
#   in it belongs to a refused one; the service compares it with its own copy in any case.
required := input.required
