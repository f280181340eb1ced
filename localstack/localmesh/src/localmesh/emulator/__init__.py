"""The AWS emulator of the local mesh: MiniStack in the one version that our corrections were written for.

`python -m localmesh.emulator` starts it in the foreground; `Emulator` starts and ends one from Python.
"""

from localmesh.emulator.launch import EmulatorOptions, command, is_ready
from localmesh.emulator.server import Emulator

__all__ = ["Emulator", "EmulatorOptions", "command", "is_ready"]
