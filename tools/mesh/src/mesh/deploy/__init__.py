"""New code for the functions of one service, in minutes and without Terraform.

A deployment changes a function's code and the four variables that name its build; everything else is Terraform's. A
later `terraform apply` from the same commit finds the same zip and changes no function's code.

DeployError
├── FunctionsMissingError   the manifest declares a function that the environment does not have
├── FunctionUnlikeError     a deployed function cannot run the package, or its variables cannot be read
├── PackageTooLargeError    it exceeds Lambda's limit
└── DeploymentFailedError   it stopped half way; the message lists which functions run which code
"""
