"""`mesh contracts`: the event schema registry at the command line.

It reads what is committed (`contracts/schemas`, `contracts/examples`, the manifests), in the working tree or in a git
revision, so that it says what a reader of the repository would find.
"""
