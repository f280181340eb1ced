"""Vision model to structured description, one version per analysis."""
