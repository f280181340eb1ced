"""Lambda packages: what a function needs and no more, the same bytes from the same files.

A package is made for each distinct pair of a service and the groups of optional dependencies that a function's manifest
names (`extras`); functions with the same pair share it. In it are the locked third-party packages for the platform that
runs them, our own code, and modules compiled by the Python that runs them, because the code's file system is read-only
there: without them every cold start compiles again.

boto3 is in it, although the managed runtime has one: langgraph-checkpoint-aws needs a newer one than the runtime
promises, and what was tested is what shall run. Its descriptions of several hundred AWS services stay out but for those
that we call, so it costs 8 MB and not 25.

PackagingError
├── UvError                 uv is missing, or could not do its part; its last words are in the message
├── RegistryError           the package registry cannot be reached, and what is needed is in no cache
├── CompilationError        our own code could not be compiled
└── ServiceUnknownError     there is no such service
"""
