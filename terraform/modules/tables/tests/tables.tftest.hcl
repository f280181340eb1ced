mock_provider "aws" {}

variables {
  prefix              = "collections-test-"
  deletion_protection = true
  tables = {
    notes = {
      partition_key = "pk"
      sort_key      = "sk"
      ttl           = "expires_at"
      indexes = {
        by_time = { partition_key = "who", sort_key = "at" }
        by_who  = { partition_key = "who" }
      }
    }
    plain = { partition_key = "id" }
  }
}

run "keys_indexes_and_time_to_live" {
  command = plan

  assert {
    condition     = output.names == { notes = "collections-test-notes", plain = "collections-test-plain" }
    error_message = "Tables have the environment's prefix."
  }
  assert {
    condition = toset([for attribute in aws_dynamodb_table.main["notes"].attribute : "${attribute.name} ${attribute.type}"]) == toset([
      "pk S", "sk S", "who S", "at S",
    ])
    error_message = "Every key is declared once, as text."
  }
  assert {
    condition = { for index in aws_dynamodb_table.main["notes"].global_secondary_index :
      index.name => join(" ", [for key in index.key_schema : "${key.attribute_name}:${key.key_type}"])
    } == { by_time = "who:HASH at:RANGE", by_who = "who:HASH" }
    error_message = "Indexes have the keys of the manifest."
  }
  assert {
    condition = (
      aws_dynamodb_table.main["notes"].ttl[0].attribute_name == "expires_at"
      && length(aws_dynamodb_table.main["plain"].ttl) == 0
      && aws_dynamodb_table.main["plain"].range_key == null
    )
    error_message = "Attributes that the manifest omits are not set."
  }
  assert {
    condition = alltrue([for table in aws_dynamodb_table.main :
      table.deletion_protection_enabled && table.point_in_time_recovery[0].enabled && table.server_side_encryption[0].enabled
    ])
    error_message = "Every table is encrypted, restorable, and here protected against deletion."
  }
}
