"""The target of a command: the local mesh, or an environment in AWS whose outputs `mesh infra` has saved.

EnvironmentUnusableError
├── EnvironmentUnknownError     nothing is saved under the name; the message names the command that saves it
├── OutputsMalformedError       the saved outputs cannot be read
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
