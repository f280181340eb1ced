"""An environment's database: sign-in, what is missing, and migrations.

DatabaseUnusableError
├── SignInError             the server cannot be reached, or refuses the sign-in
└── MigrationStoppedError   a service's migrations could not all be applied; what was applied stays
"""
