"""Lambda functions that a benchmark deploys beside the real ones, each as a single file."""
