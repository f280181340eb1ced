"""Environments in AWS by Terraform: prerequisites, plan, apply, difference, outputs, teardown.

InfraError
├── PrerequisiteError              something is missing before Terraform can be asked
│   ├── TerraformMissingError      Terraform is not installed, or too old
│   ├── CredentialsError           AWS does not know who asks
│   ├── WrongAccountError          the credentials belong to another account than the environment's
│   ├── StateBucketError           there is no bucket for Terraform's state, or it cannot be read
│   ├── UnknownEnvironmentError    no folder describes that environment
│   └── MeshNotUpError             the local environment's emulator does not answer
├── TerraformFailedError           a Terraform command failed
├── ProtectedError                 something is protected from deletion; nothing was changed
├── StateInUseError                the state bucket still describes something that exists
└── OutputsError                   the outputs are not those of the environment
"""
