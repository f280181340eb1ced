"""Mutation testing: mutmut changes the code in small ways, and each change must fail a test.

mutmut works in one folder with one source tree, so each package gets such a folder under `build/mutants`: links to the
repository, with the package's sources replaced by mutated ones. `mutation.toml` says what is covered and required.
"""
