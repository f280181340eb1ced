mock_provider "aws" {
  mock_data "aws_caller_identity" {
    defaults = { account_id = "123456789012" }
  }
  mock_data "aws_region" {
    defaults = { region = "us-east-1" }
  }
  mock_data "aws_availability_zones" {
    defaults = { names = ["us-east-1a", "us-east-1b"] }
  }
}

variables {
  environment = "test"
}

run "setup" {
  module {
    source = "./tests/setup"
  }
}

run "in_aws" {
  command = plan
  variables {
    artifacts = { packages_file = run.setup.packages_file, schemas_folder = run.setup.schemas_folder }
    settings  = { alarm_emails = ["operator@example.com"] }
  }

  assert {
    condition     = length(output.environment.functions) == sum([for manifest in local.manifests : length(manifest.functions)])
    error_message = "Every function of every manifest is here."
  }
  assert {
    condition     = length(aws_s3_object.package) == length(local.manifests) && alltrue([for sha256, object in aws_s3_object.package : object.key == "functions/${sha256}.zip"])
    error_message = "Functions that share a zip share an object."
  }
  assert {
    condition     = alltrue([for function, package in local.packages : package.bucket == "collections-test-packages-123456789012" && startswith(package.key, "functions/")])
    error_message = "Functions are installed from the bucket of packages."
  }
  assert {
    condition     = output.environment.images_bucket == "collections-test-images-123456789012" && output.environment.event_bus == "collections-test" && output.environment.archive == "collections-test"
    error_message = "Names follow the naming convention."
  }
  assert {
    condition     = output.environment.database.auth == "iam" && output.environment.database.sslmode == "verify-full" && output.environment.database.administrator == "administrator"
    error_message = "The database accepts tokens over TLS."
  }
  assert {
    condition     = length(distinct(output.environment.alarms)) == length(output.environment.alarms)
    error_message = "Every alarm exists once."
  }
  assert {
    condition     = length(module.budget) == 1 && length(module.schema_registry) == 1
    error_message = "There is a budget, and contracts are published."
  }
}

run "on_a_machine_of_ones_own" {
  command = plan
  variables {
    artifacts       = { packages_file = run.setup.packages_file, schemas_folder = run.setup.schemas_folder }
    database        = { host = "127.0.0.1", port = 5433, sslmode = "disable" }
    schema_registry = false
    settings        = { budget_usd = 0 }
    api_tags        = { ms-custom-id = "collections" }
  }

  assert {
    condition = output.environment.database == {
      host        = "127.0.0.1", port = 5433, name = "collections", auth = "password", sslmode = "disable",
      resource_id = "*", administrator = "postgres", administrator_secret = null
    }
    error_message = "An existing database is used unchanged."
  }
  assert {
    condition     = length(module.database) == 0 && length(module.schema_registry) == 0 && length(module.budget) == 0
    error_message = "Features that an emulator lacks are off."
  }
}

run "a_zip_that_is_not_the_listed_one" {
  command = plan
  variables {
    artifacts = { packages_file = run.setup.wrong_packages_file, schemas_folder = run.setup.schemas_folder }
  }
  expect_failures = [aws_s3_object.package]
}

run "a_setting_that_is_none" {
  command = plan
  variables {
    artifacts      = { packages_file = run.setup.packages_file, schemas_folder = run.setup.schemas_folder }
    settings       = { budgt_usd = 10 }
    named_settings = ["budgt_usd"]
  }
  expect_failures = [var.named_settings]
}

run "a_name_that_is_no_name" {
  command = plan
  variables {
    environment = "Test_1"
    artifacts   = { packages_file = run.setup.packages_file, schemas_folder = run.setup.schemas_folder }
  }
  expect_failures = [var.environment]
}
