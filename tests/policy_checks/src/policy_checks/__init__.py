"""What an environment is held against before it is made: the tests in `tests/infrastructure` are built of it.

`terraform` plans and applies a copy without AWS (`mocked_apply` says how); `topology` compares what Terraform makes
with what the manifests want, policies of roles statement by statement; `rules` are properties that every environment
has (dead letters, alarms, encryption, retention, no secrets, nobody let in unnamed); `wildcards` in policies need
`reasons`; `linting` runs checkov.

PolicyCheckError
├── TerraformUnusableError      Terraform or its providers are not to be had here; the message says what to install
├── TerraformFailedError        a Terraform command failed; the message is what it said
├── LinterUnusableError         the linter cannot be installed here
├── LinterFailedError           the linter itself failed
├── PolicyNotUnderstoodError    a policy says something that no check here knows: nothing is guessed
└── ReasonsInvalidError         the file of stated reasons is not what it should be
"""
