"""The SQL of this service. Every statement filters by the tenant, except where the clean-up looks for idle sessions."""
