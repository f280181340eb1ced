"""What an environment is held against before it is made: the tests in `tests/infrastructure` are built of it.

`terraform` plans and applies a copy without AWS (`mocked_apply` says how); `iam` decides as IAM would; `access` asks it
whether each function may do what its manifest declares, and nothing else; `rules` are properties that every environment
has (dead letters, alarms, encryption, retention, no secrets); `topology` compares what Terraform makes with what the
local provisioner makes; `linting` runs checkov.

PolicyCheckError
├── TerraformUnusableError      Terraform or its providers are not to be had here; the message says what to install
├── TerraformFailedError        a Terraform command failed; the message is what it said
├── LinterUnusableError         the linter cannot be installed here
├── LinterFailedError           the linter itself failed
├── PolicyNotUnderstoodError    a policy says something that the evaluator does not know: it guesses nothing
└── ReasonsInvalidError         the file of stated reasons is not what it should be
"""
