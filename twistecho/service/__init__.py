"""The echo service: scenarios, connections, listening, control over HTTP, and processes.

The layers; a package imports only packages on layers below its own, here and in `twistecho`:

    0  scenario    how each message is answered: pure
    1  echo        EchoFactory and its connections
    2  listening   endpoints, and how connections are accepted
    3  control     changes to a running service, over HTTP
    4  process     ``twist echo`` as one process
    5  workers     the service in several processes
"""
