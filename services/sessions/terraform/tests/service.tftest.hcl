mock_provider "aws" {
  source = "../../../terraform/modules/lambda-service/tests/mocks"
}

variables {
  context = merge(jsondecode(file("../../../terraform/modules/lambda-service/tests/context.json")), {
    packages = { for name in keys(yamldecode(file("../service.yaml")).functions) :
      "sessions.${name}" => { bucket = "packages", key = "functions/1.zip", sha256 = "one" }
    }
  })
}

run "sessions" {
  command = plan

  assert {
    condition = { for name, function in output.service.functions : name => function.trigger } == {
      cleanup = "schedule"
      events  = "queue"
      http    = "routes"
      relay   = "schedule"
      replays = "queue"
    }
    error_message = "One consumer, one API, two schedules, and replays."
  }

  assert {
    condition = { for name, function in output.service.functions :
      name => "${function.queue_name} ${function.dead_letter_queue_name}" if function.queue_name != null
      } == {
      events  = "collections-test-sessions-events collections-test-sessions-events-dlq"
      replays = "collections-test-sessions-replays collections-test-sessions-replays-dlq"
    }
    error_message = "Each consumer has a queue and a dead-letter queue."
  }

  assert {
    condition = jsondecode(output.service.rules["collections-test-sessions-events"].pattern) == {
      detail-type = [
        "collections.chat.turn-completed.v1",
        "collections.chat.turns-erased.v1",
        "collections.ingest.tenant-forgotten.v1",
      ]
      detail = { replayfor = [{ exists = false }] }
    }
    error_message = "It consumes completed turns."
  }

  assert {
    condition     = output.service.rules["collections-test-sessions-cleanup"].schedule == "rate(1 hour)"
    error_message = "Sessions are cleaned up every hour."
  }

  assert {
    condition = output.service.tables == { sessions = "collections-test-sessions" } && alltrue([
      for name in ["cleanup", "events", "http"] : contains(output.service.functions[name].variables, "TABLE_SESSIONS")
    ])
    error_message = "All but the relay work on the table."
  }
}
