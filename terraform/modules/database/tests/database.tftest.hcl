mock_provider "aws" {
  mock_data "aws_availability_zones" {
    defaults = { names = ["us-east-1a", "us-east-1b", "us-east-1c"] }
  }
}

variables {
  environment        = "test"
  region             = "us-east-1"
  database           = { name = "collections", extensions = ["vector", "pg_trgm"] }
  log_retention_days = 14
  protect            = false
}

run "encrypted_and_without_passwords" {
  command = plan

  assert {
    condition     = aws_db_instance.this.storage_encrypted && aws_db_instance.this.iam_database_authentication_enabled && aws_db_instance.this.manage_master_user_password && aws_db_instance.this.password == null
    error_message = "Storage is encrypted, services use tokens, Terraform has no password."
  }
  assert {
    condition     = { for parameter in aws_db_parameter_group.this.parameter : parameter.name => parameter.value }["rds.force_ssl"] == "1"
    error_message = "TLS is forced."
  }
  assert {
    condition     = { for parameter in aws_db_parameter_group.this.parameter : parameter.name => parameter.value }["rds.allowed_extensions"] == "pg_trgm,vector"
    error_message = "Only the platform's extensions can be created."
  }
  assert {
    condition     = aws_db_instance.this.engine == "postgres" && aws_db_parameter_group.this.family == "postgres${aws_db_instance.this.engine_version}"
    error_message = "Parameters are those of the engine's version."
  }
}

run "one_port_and_no_way_out" {
  command = plan

  assert {
    condition     = aws_vpc_security_group_ingress_rule.postgres.from_port == 5432 && aws_vpc_security_group_ingress_rule.postgres.to_port == 5432 && length(aws_subnet.this) == 2
    error_message = "Only Postgres is reachable."
  }
}

run "logs_end_some_day" {
  command = plan

  assert {
    condition     = toset(keys(aws_cloudwatch_log_group.this)) == toset(aws_db_instance.this.enabled_cloudwatch_logs_exports) && alltrue([for group in aws_cloudwatch_log_group.this : group.retention_in_days == 14])
    error_message = "Every exported log has a group with a retention."
  }
}

run "goes_without_a_trace_when_not_protected" {
  command = plan

  assert {
    condition     = !aws_db_instance.this.deletion_protection && aws_db_instance.this.skip_final_snapshot && aws_db_instance.this.delete_automated_backups && aws_db_instance.this.backup_retention_period == 7
    error_message = "A teardown leaves nothing; until then there are backups."
  }
}

run "stays_when_protected" {
  command = plan
  variables {
    protect     = true
    backup_days = 14
  }

  assert {
    condition     = aws_db_instance.this.deletion_protection && aws_db_instance.this.final_snapshot_identifier == "collections-test-final" && !aws_db_instance.this.delete_automated_backups && aws_db_instance.this.backup_retention_period == 14
    error_message = "Production keeps its data."
  }
}

run "backups_cannot_be_turned_off" {
  command = plan
  variables {
    backup_days = 0
  }
  expect_failures = [var.backup_days]
}

run "nowhere_without_a_certificate_to_verify_it_by" {
  command = plan
  variables {
    region = "mars-north-1"
  }

  expect_failures = [aws_db_instance.this]
}

run "larger_for_more_people" {
  command = plan
  variables {
    instance_class = "db.t4g.small"
  }

  assert {
    condition     = aws_db_instance.this.instance_class == "db.t4g.small" && output.connections == 170
    error_message = "A larger class allows more connections."
  }
}

run "no_class_whose_connections_nobody_knows" {
  command = plan
  variables {
    instance_class = "db.m8g.large"
  }

  expect_failures = [var.instance_class]
}
