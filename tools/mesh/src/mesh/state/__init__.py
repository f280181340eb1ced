"""`mesh state`: an item, a conversation or a tenant as every service knew it at a moment."""
