"""Items: upload, list, get, delete, image links; the life cycle and status of every item."""
