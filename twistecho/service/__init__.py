"""The echo service: what becomes of its messages, its connections, where it listens, its processes.

The layers; a package imports only packages on layers below its own, here and in `twistecho`:

    0  scenario    what becomes of a message: pure
    1  echo        EchoFactory and its connections
    2  listening   where it listens
    3  control     how it is steered while it runs
    4  process     ``twist echo`` as one process
    5  workers     several processes that serve
"""
