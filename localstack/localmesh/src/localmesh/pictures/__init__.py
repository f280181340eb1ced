"""Pictures for demos and tests: drawn by code or vendored with clear licences (`data/LICENSES.md`)."""

from localmesh.pictures.catalogue import Outcome, Picture, make_pictures

__all__ = ["Outcome", "Picture", "make_pictures"]
