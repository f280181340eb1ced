"""The database of an environment: how one signs in, what it lacks, and how it gets that.

DatabaseUnusableError
├── SignInError             the server cannot be reached, or refuses who asks
└── MigrationStoppedError   a service's migrations could not all be applied; what was applied stays
"""

from mesh.databases.access import Access, IamAccess, PasswordAccess, open_access
from mesh.databases.errors import DatabaseUnusableError, MigrationStoppedError, SignInError
from mesh.databases.migrating import Migrated, migrate_services, prepare
from mesh.databases.planning import Plan, ServicePlan, make_plan

__all__ = [
    "Access",
    "DatabaseUnusableError",
    "IamAccess",
    "Migrated",
    "MigrationStoppedError",
    "PasswordAccess",
    "Plan",
    "ServicePlan",
    "SignInError",
    "make_plan",
    "migrate_services",
    "open_access",
    "prepare",
]
