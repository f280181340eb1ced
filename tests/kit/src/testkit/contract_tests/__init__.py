"""What proves that the services keep their contracts: pieces of the tests in `tests/contracts`, and a pytest plugin.

`topology` compares the services' code with their manifests, `variants` makes the documents that a producer may send,
`entry` and `delivery` hand them to a service's real entry point, and `emissions` (the plugin) holds what the services'
own tests make them say against the contracts.
"""
