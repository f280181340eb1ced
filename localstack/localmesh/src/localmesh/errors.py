"""What can go wrong in a local mesh, each with a message that says what to do.

LocalMeshError (an OperatorError)
├── PreflightError          something this machine lacks
├── PortInUseError          another process listens on a port of the mesh
├── ProcessStartError       a process ended or did not answer while it was being started
├── MeshBusyError           another command is starting or stopping the same mesh
├── PostgresError           the database server could not be created, started or stopped
└── EmulatorVersionError    the AWS emulator is not the one our corrections were written for
"""

from __future__ import annotations

from workspace import OperatorError


class LocalMeshError(OperatorError):
    """Base of all errors that the local mesh raises on purpose."""


class PreflightError(LocalMeshError):
    """This machine lacks something that the mesh needs."""


class PortInUseError(LocalMeshError):
    """A port of the mesh is in use by a process that is not ours."""


class ProcessStartError(LocalMeshError):
    """A process of the mesh ended, or did not answer in time, while it was being started."""


class MeshBusyError(LocalMeshError):
    """Another command is starting or stopping the same mesh."""


class PostgresError(LocalMeshError):
    """The embedded Postgres could not be created, started or stopped."""


class EmulatorVersionError(LocalMeshError):
    """The installed AWS emulator is not the version that our corrections were written for."""
