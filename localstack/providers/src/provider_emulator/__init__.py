"""A local stand-in for the AI providers: their wire formats, backed by small real models.

`python -m provider_emulator --port 4570 --models-dir .mesh/models` serves Anthropic Messages, OpenAI Responses and
Chat Completions, Voyage embeddings, Tavily search and the part of LangSmith that tracing needs, all on loopback.
Answers are deterministic: the same request gives the same bytes but for ids and times.
"""
