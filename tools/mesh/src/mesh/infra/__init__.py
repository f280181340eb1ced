"""Environments in AWS by Terraform: prerequisites, plan, apply, difference, outputs, teardown.

InfraError
├── PrerequisiteError              a prerequisite of Terraform is missing
│   ├── TerraformMissingError      Terraform is not installed, or too old
│   ├── CredentialsError           AWS does not accept the credentials
│   ├── WrongAccountError          the credentials belong to another account than the environment's
│   ├── StateBucketError           the bucket for Terraform's state is missing or cannot be read
│   ├── UnknownEnvironmentError    there is no folder for that environment
│   └── MeshNotUpError             the local environment's emulator does not answer
├── TerraformFailedError           a Terraform command failed
├── ProtectedError                 a resource is protected from deletion; nothing was changed
├── StateInUseError                a state in the bucket still has resources
└── OutputsError                   the outputs are not those of the environment
"""
