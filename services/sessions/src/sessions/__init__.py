"""Conversation list, history and expiry."""
