mock_provider "aws" {}

variables {
  environment    = "test"
  schemas_folder = "tests/schemas"
}

run "a_schema_for_every_file" {
  command = plan

  assert {
    condition = output.registry == "collections-test" && toset(output.schemas) == toset([
      "collections.listener.thing-heard.v1", "collections.talker.thing-said.v1",
    ])
    error_message = "Schemas are named as the event types: ${join(", ", output.schemas)}"
  }
  assert {
    condition = alltrue([
      for name, schema in aws_schemas_schema.contract :
      schema.type == "JSONSchemaDraft4" && jsondecode(schema.content).title == name
    ])
    error_message = "Each has the content of its file."
  }
}

run "an_empty_folder_is_refused" {
  command = plan

  variables {
    schemas_folder = "tests/there-is-no-such-folder"
  }

  expect_failures = [aws_schemas_registry.main]
}
