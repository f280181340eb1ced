"""What is deployed where, and whether a version of a service is compatible with it.

`release` determines which contract versions a service publishes and understands at a commit, `record` keeps that for
each environment, `deciding` compares. `commands` is what `mesh contracts record-deployment` and `can-deploy` do.
"""
