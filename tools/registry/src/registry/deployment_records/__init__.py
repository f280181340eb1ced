"""What is deployed where, and whether a version of a service may join it.

`release` finds out which contract versions a service says and understands at a commit, `record` keeps that for each
environment, `deciding` compares. `commands` is what `mesh contracts record-deployment` and `can-deploy` do.
"""
