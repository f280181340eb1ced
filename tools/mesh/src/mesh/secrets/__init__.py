"""Secrets of an environment: between a `.env` file and Parameter Store. The manifests declare which exist.

A value is a `SecretStr` from where it is read to where it is written, so that it cannot be printed by accident.

SecretsUnusableError
├── DotenvError             the file is missing, or cannot hold a value
└── ParameterRefusedError   Parameter Store refuses a value
"""
