"""Lambda packages: only what a function needs, and reproducible.

A package is built for each distinct pair of a service and the groups of optional dependencies that a function's
manifest names (`extras`); functions with the same pair share it. It holds the locked third-party packages for the
target platform, our own code, and modules compiled by the target's Python, because the code's file system is read-only
there: without them every cold start compiles again.

boto3 is included, although the managed runtime has one: langgraph-checkpoint-aws needs a newer version than the runtime
guarantees, and the tested version should be the one that runs. Only the descriptions of AWS services that we call are
kept, which makes it 8 MB instead of 25.

PackagingError
├── UvError                 uv is missing or failed; the message ends with its output
├── RegistryError           the package registry cannot be reached, and a needed package is not cached
├── CompilationError        our own code could not be compiled
└── ServiceUnknownError     the service does not exist
"""
