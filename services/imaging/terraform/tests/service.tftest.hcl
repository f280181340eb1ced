mock_provider "aws" {
  source = "../../../terraform/modules/lambda-service/tests/mocks"
}

variables {
  context = merge(jsondecode(file("../../../terraform/modules/lambda-service/tests/context.json")), {
    packages = { for name in keys(yamldecode(file("../service.yaml")).functions) :
      "imaging.${name}" => { bucket = "packages", key = "functions/1.zip", sha256 = "one" }
    }
  })
}

run "imaging" {
  command = plan

  assert {
    condition = { for name, function in output.service.functions : name => function.trigger } == {
      events  = "queue"
      http    = "routes"
      relay   = "schedule"
      replays = "queue"
    }
    error_message = "One consumer, one API, one relay, and replays."
  }

  assert {
    condition = { for name, function in output.service.functions :
      name => "${function.queue_name} ${function.dead_letter_queue_name}" if function.queue_name != null
      } == {
      events  = "collections-test-imaging-events collections-test-imaging-events-dlq"
      replays = "collections-test-imaging-replays collections-test-imaging-replays-dlq"
    }
    error_message = "Each consumer has a queue and a dead-letter queue."
  }

  assert {
    condition = jsondecode(output.service.rules["collections-test-imaging-events"].pattern) == {
      detail-type = [
        "collections.ingest.item-uploaded.v1",
        "collections.ingest.upload-rejected.v1",
        "collections.ingest.item-deleted.v1",
        "collections.ingest.retry-requested.v1",
        "collections.ingest.tenant-forgotten.v1",
      ]
      detail = { replayfor = [{ exists = false }] }
    }
    error_message = "It consumes uploads and deletions of originals, and requests to start again."
  }

  assert {
    condition     = alltrue([for name in ["QUEUE_URL", "DEAD_LETTER_QUEUE_URL", "IMAGES_BUCKET"] : contains(output.service.functions["events"].variables, name)])
    error_message = "The consumer knows its queues and the bucket."
  }

  assert {
    condition     = output.service.tables == {}
    error_message = "Nothing is kept outside Postgres and the bucket."
  }
}
