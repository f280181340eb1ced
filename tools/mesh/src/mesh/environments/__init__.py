"""Where a command acts: the local mesh, or an environment in AWS whose outputs `mesh infra` has saved.

EnvironmentUnusableError
├── EnvironmentUnknownError     nothing is saved for the name; the message says what would save it
├── OutputsMalformedError       what is saved cannot be read
└── OtherAccountError           the credentials belong to another account than the environment
"""

from mesh.environments.errors import (
    EnvironmentUnknownError,
    EnvironmentUnusableError,
    OtherAccountError,
    OutputsMalformedError,
)
from mesh.environments.model import DatabaseAccess, DeployedFunction, Environment
from mesh.environments.opening import LOCAL, open_environment
from mesh.environments.outputs import OUTPUTS_FOLDER, known_environments, load_outputs, save_outputs

__all__ = [
    "LOCAL",
    "OUTPUTS_FOLDER",
    "DatabaseAccess",
    "DeployedFunction",
    "Environment",
    "EnvironmentUnknownError",
    "EnvironmentUnusableError",
    "OtherAccountError",
    "OutputsMalformedError",
    "known_environments",
    "load_outputs",
    "open_environment",
    "save_outputs",
]
