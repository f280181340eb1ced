"""Add-ons of LocalStack 4.14.0 (the last community release), loaded by it through entry points.

`executor`: functions as processes, without Docker. `concurrency`: bounds the processes of a function. `polling`: a
message reaches its function at once. `rules`: disabled rules, StartReplay and its FilterArns. `companion`: forwards the
services that the community edition lacks to an emulator beside it.
"""
