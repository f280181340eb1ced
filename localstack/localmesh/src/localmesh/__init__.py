"""The whole mesh on one machine: emulators, embedded servers, provisioning."""
