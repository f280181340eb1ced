output "environment" {
  description = "The environment for the other commands of `mesh`: `mesh infra` saves it."
  value       = module.environment.environment
}
