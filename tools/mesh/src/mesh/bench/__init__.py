"""Measurements, each beside a reference from the same run: `mesh bench imports | packages | pipeline | all`."""
