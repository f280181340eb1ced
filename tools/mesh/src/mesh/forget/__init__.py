"""`mesh forget`: everything of a tenant is erased by every service, for good; and what each has erased.

ForgetError
├── TenantUnknownError        no account has that address
├── NothingHeldError          no service holds anything of the tenant, and there is no account
└── NotErasedError            a service has not erased in time; it goes on, and the command can be repeated
"""
