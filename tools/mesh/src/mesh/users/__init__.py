"""People of an environment: made, listed, signed in and deleted in its Cognito user pool.

UserPoolError
├── UserExistsError       there is somebody with that address already
├── UserUnknownError      there is nobody with that address
├── PasswordRefusedError  the password is not as the pool wants it, cannot be read, or is missing
└── SignInRefusedError    wrong password or nobody there, or the pool wants more than a password
"""
