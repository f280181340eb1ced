# Names of secrets and access to them, never a value: no parameter is a resource here, so none is in plan or state.

locals {
  prefix = "/collections/${var.environment}"
  root   = "arn:aws:ssm:${var.region}:${var.account}:parameter${local.prefix}"
}

resource "aws_iam_policy" "operator" {
  name        = "collections-${var.environment}-secrets-operator"
  description = "For whoever runs `mesh secrets`: the parameters of the environment ${var.environment}, and no others."
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Effect = "Allow"
        Action = ["ssm:GetParametersByPath"]
        # Listing is authorised on the path itself, with or without the slash at its end.
        Resource = [local.root, "${local.root}/*"]
      },
      {
        Effect = "Allow"
        Action = [
          "ssm:AddTagsToResource",
          "ssm:DeleteParameter",
          "ssm:GetParameter",
          "ssm:GetParameters",
          "ssm:PutParameter",
        ]
        Resource = ["${local.root}/*"]
      },
    ]
  })
}
