"""`mesh contracts`: the event schema registry at the command line.

It reads what is committed (`contracts/schemas`, `contracts/examples`, the manifests), in the working tree or in a git
revision, so its answers hold for every reader of the repository.
"""
