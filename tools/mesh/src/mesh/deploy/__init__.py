"""New code for the functions of one service, in minutes and without Terraform.

What a deployment changes is a function's code, and the four variables that say which build it is; everything else is
Terraform's. Applied from the same commit afterwards, Terraform notes the same zip as its own and changes no function's
code.

DeployError
├── FunctionsMissingError   the manifest declares what the environment has not
├── FunctionUnlikeError     a function there cannot run the package, or its variables cannot be read
├── PackageTooLargeError    Lambda would not take it
└── DeploymentFailedError   it began and did not end; the message says which functions run which code
"""
