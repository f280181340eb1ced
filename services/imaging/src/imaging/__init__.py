"""Imaging: validates originals, makes renditions and thumbnails, reads EXIF, computes perceptual hashes.

`imaging.processing` is the domain (bytes in, renditions out); `imaging.isolation` runs it in a process of its own
with time and memory limits; `imaging.handler` holds the Lambda entry points.
"""
