"""How the registry's commands end when they do not end well."""

from typing import Final

BROKEN: Final = 1
UNUSABLE: Final = 2
