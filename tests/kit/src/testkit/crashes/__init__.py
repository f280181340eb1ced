"""The crash matrix: processes of functions are killed at their calls, and what is left is compared.

`boundaries` are the calls of a process, `processes` forks and kills it, `stage` is a service on real servers, `work`
hands it invocations as queues, clients and schedules do, `flows` are what is disturbed, `traces` what a case has left,
and `matrix` puts them together. `reporting` is a plugin of pytest.
"""
