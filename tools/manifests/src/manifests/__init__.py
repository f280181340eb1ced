"""The typed reader of service.yaml and platform.yaml."""
