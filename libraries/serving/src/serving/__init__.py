"""Runs a service's Lambda functions in a container: the same handlers, with what Lambda does around them.

`python -m serving ROLES SERVICE…` starts one process that polls queues, serves HTTP or keeps schedules; it starts
processes of its own for the handlers, one invocation at a time in each, as Lambda's execution environments.
"""
