"""Proves that the services keep their contracts: parts of the tests in `tests/contracts`, and a pytest plugin.

`topology` compares the services' code with their manifests, `variants` builds the documents that a producer may send,
`entry` and `delivery` hand them to a service's real entry point, and `emissions` (the plugin) checks what the services
emit in their own tests against the contracts.
"""
