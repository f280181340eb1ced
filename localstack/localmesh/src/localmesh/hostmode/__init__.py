"""LocalStack without Docker: installed into an environment of its own when it is first wanted, and run from there.

It needs CPython 3.13 and dependencies of the time of its release, both unlike the rest of this project's.
"""

from localmesh.hostmode.installation import Installation, find_python, install
from localmesh.hostmode.launch import HostModeOptions, command, environment, is_ready

__all__ = ["HostModeOptions", "Installation", "command", "environment", "find_python", "install", "is_ready"]
