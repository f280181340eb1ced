"""Users of an environment: created, listed, signed in and deleted in its Cognito user pool.

UserPoolError
├── UserExistsError       a user with that address exists already
├── UserUnknownError      no user has that address
├── PasswordRefusedError  the password violates the pool's policy, cannot be read, or is missing
└── SignInRefusedError    wrong password or unknown user, or the pool requires more than a password
"""
