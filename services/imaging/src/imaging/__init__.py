"""Validates originals, makes renditions and thumbnails, reads EXIF, computes perceptual hashes."""
