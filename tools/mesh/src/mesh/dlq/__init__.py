"""`mesh dlq`: dead letters of all queues: list, show, redrive, discard.

DeadLetterError
├── QueueUnknownError    the environment has no queue of that name
└── LetterUnknownError   no dead letter has that id
"""
