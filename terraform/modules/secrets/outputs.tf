output "parameter_prefix" {
  description = "The prefix of all parameter names, no slash at the end."
  value       = local.prefix
}

output "parameters" {
  description = "Name and ARN of each secret's parameter, by the secret's name; whether it has a value is not known here."
  value = { for name in var.names : name => {
    name = "${local.prefix}/${name}"
    arn  = "${local.root}/${name}"
  } }
}

output "operator_policy_arn" {
  description = "The policy for running `mesh secrets`."
  value       = aws_iam_policy.operator.arn
}
