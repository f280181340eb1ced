"""The database of an environment: how one signs in, what it lacks, and how it gets that.

DatabaseUnusableError
├── SignInError             the server cannot be reached, or refuses who asks
└── MigrationStoppedError   a service's migrations could not all be applied; what was applied stays
"""
