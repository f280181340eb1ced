output "images" {
  description = "The bucket of originals, renditions, thumbnails and uploads."
  value       = { name = module.images.name, arn = module.images.arn }
}

output "packages" {
  description = "The bucket that functions are installed from."
  value       = { name = module.packages.name, arn = module.packages.arn }
}
