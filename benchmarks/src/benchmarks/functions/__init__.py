"""Lambda functions that a measurement deploys beside the real ones. Each is shipped as a single file."""
