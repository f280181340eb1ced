mock_provider "aws" {
  source = "../../../terraform/modules/lambda-service/tests/mocks"
}

variables {
  context = merge(jsondecode(file("../../../terraform/modules/lambda-service/tests/context.json")), {
    packages = { for name in keys(yamldecode(file("../service.yaml")).functions) :
      "chat.${name}" => { bucket = "packages", key = "functions/1.zip", sha256 = "one" }
    }
  })
}

run "chat" {
  command = plan

  assert {
    condition = { for name, function in output.service.functions : name => function.trigger } == {
      events      = "queue"
      http        = "routes"
      maintenance = "schedule"
      relay       = "schedule"
      replays     = "queue"
    }
    error_message = "One consumer, one API, two schedules, and replays."
  }

  assert {
    condition = { for name, function in output.service.functions :
      name => "${function.queue_name} ${function.dead_letter_queue_name}" if function.queue_name != null
      } == {
      events  = "collections-test-chat-events collections-test-chat-events-dlq"
      replays = "collections-test-chat-replays collections-test-chat-replays-dlq"
    }
    error_message = "Each consumer has a queue and a dead-letter queue."
  }

  assert {
    condition = jsondecode(output.service.rules["collections-test-chat-events"].pattern) == {
      detail-type = [
        "collections.imaging.image-processed.v1",
        "collections.analysis.item-analyzed.v1",
        "collections.embedding.item-embedded.v1",
        "collections.ingest.item-deleted.v1",
        "collections.sessions.session-deleted.v1",
        "collections.sessions.session-expired.v1",
        "collections.sessions.session-expired.v2",
        "collections.sessions.session-expired.v3",
        "collections.ingest.tenant-forgotten.v1",
      ]
      detail = { replayfor = [{ exists = false }] }
    }
    error_message = "It consumes the events of its read model, and ended sessions in every version that an archive may hold."
  }

  assert {
    condition     = output.service.tables == { checkpoints = "collections-test-checkpoints" }
    error_message = "The agent's memory is a table."
  }

  assert {
    condition     = alltrue([for name in ["events", "http"] : contains(output.service.functions[name].variables, "TABLE_CHECKPOINTS")])
    error_message = "The functions that answer and that erase have access to the agent's memory."
  }

  assert {
    condition     = output.service.routes == { "POST /chat" = { auth = "jwt", function = "http" } }
    error_message = "There is one route, for users alone."
  }
}
