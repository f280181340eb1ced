"""Secrets of an environment: between a `.env` file and Parameter Store. Which there are, the manifests say.

A value is a `SecretStr` from where it is read to where it is written, so that nothing prints it by accident.

SecretsUnusableError
├── DotenvError             the file is not there, or cannot hold a value
└── ParameterRefusedError   Parameter Store does not take a value
"""
