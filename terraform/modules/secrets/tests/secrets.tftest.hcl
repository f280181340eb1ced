mock_provider "aws" {}

variables {
  environment = "test"
  region      = "eu-west-1"
  account     = "123456789012"
  names       = ["voyage-api-key", "anthropic-api-key"]
}

run "names_and_access_and_no_value" {
  command = plan

  assert {
    condition = output.parameters["voyage-api-key"] == {
      name = "/collections/test/voyage-api-key"
      arn  = "arn:aws:ssm:eu-west-1:123456789012:parameter/collections/test/voyage-api-key"
    }
    error_message = "Parameters are below the environment's prefix."
  }
  assert {
    condition = alltrue(flatten([
      for statement in jsondecode(aws_iam_policy.operator.policy).Statement : [
        for resource in statement.Resource :
        startswith("${resource}/", "arn:aws:ssm:eu-west-1:123456789012:parameter/collections/test/")
      ]
    ]))
    error_message = "The operator has access to the parameters of this environment only: ${aws_iam_policy.operator.policy}"
  }
  assert {
    condition = toset(flatten([
      for statement in jsondecode(aws_iam_policy.operator.policy).Statement : statement.Action
      ])) == toset([
      "ssm:AddTagsToResource", "ssm:DeleteParameter", "ssm:GetParameter", "ssm:GetParameters",
      "ssm:GetParametersByPath", "ssm:PutParameter",
    ])
    error_message = "The operator puts, gets, lists and deletes, no more."
  }
}
