output "environment" {
  description = "The environment, saved by `mesh infra` for the other commands of `mesh`."
  value       = module.environment.environment
}
