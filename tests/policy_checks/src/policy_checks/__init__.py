"""Checks of an environment before it is created; the tests in `tests/infrastructure` use them.

`terraform` plans and applies a copy without AWS (see `mocked_apply`); `topology` compares what Terraform creates
with the manifests, policies of roles statement by statement; `rules` are properties that every environment has (dead
letters, alarms, encryption, retention, no secrets, no anonymous access); `wildcards` in policies need `reasons`;
`linting` runs checkov.

PolicyCheckError
├── TerraformUnusableError      Terraform or its providers are missing; the message names what to install
├── TerraformFailedError        a Terraform command failed; the message is its output
├── LinterUnusableError         the linter cannot be installed
├── LinterFailedError           the linter itself failed
├── PolicyNotUnderstoodError    a policy contains something that the checks do not support
└── ReasonsInvalidError         the file of reasons is invalid
"""
