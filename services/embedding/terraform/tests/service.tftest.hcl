mock_provider "aws" {
  source = "../../../terraform/modules/lambda-service/tests/mocks"
}

variables {
  context = merge(jsondecode(file("../../../terraform/modules/lambda-service/tests/context.json")), {
    packages = { for name in keys(yamldecode(file("../service.yaml")).functions) :
      "embedding.${name}" => { bucket = "packages", key = "functions/1.zip", sha256 = "one" }
    }
  })
}

run "embedding" {
  command = plan

  assert {
    condition = { for name, function in output.service.functions : name => function.trigger } == {
      events   = "queue"
      http     = "routes"
      rebuilds = "queue"
      relay    = "schedule"
      replays  = "queue"
    }
    error_message = "Rebuilds and replays have queues of their own."
  }

  assert {
    condition = { for name, function in output.service.functions :
      name => "${function.queue_name} ${function.dead_letter_queue_name}" if function.queue_name != null
      } == {
      events   = "collections-test-embedding-events collections-test-embedding-events-dlq"
      rebuilds = "collections-test-embedding-rebuilds collections-test-embedding-rebuilds-dlq"
      replays  = "collections-test-embedding-replays collections-test-embedding-replays-dlq"
    }
    error_message = "Each consumer has a queue and a dead-letter queue."
  }

  assert {
    condition = jsondecode(output.service.rules["collections-test-embedding-events"].pattern) == {
      detail-type = [
        "collections.analysis.item-analyzed.v1",
        "collections.ingest.item-deleted.v1",
        "collections.ingest.tenant-forgotten.v1",
      ]
      detail = { replayfor = [{ exists = false }] }
    }
    error_message = "It consumes descriptions and deletions."
  }

  assert {
    condition = jsondecode(output.service.rules["collections-test-embedding-rebuilds"].pattern) == {
      detail-type = [
        "collections.embedding.rebuild-requested.v1",
      ]
      detail = { replayfor = [{ exists = false }, "embedding"] }
    }
    error_message = "Rebuilds do not wait behind descriptions."
  }

  assert {
    condition     = output.service.functions["rebuilds"].timeout_s == 300 && contains(output.service.functions["rebuilds"].variables, "REBUILD_BUDGET_S")
    error_message = "A rebuild has a long time-out, and a time budget."
  }
}
