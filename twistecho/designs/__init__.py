"""The notebook's servers, as small programs over plain sockets that can be compared.

Each gives the same replies to the same messages. They differ in what happens to the other clients
while one client is served:

    sequential   one client at a time; the others wait in the kernel's queue, or outside it
    threaded     one thread per client (`socketserver.ThreadingTCPServer`)
    forking      one process per client (`socketserver.ForkingTCPServer`)
    select       one loop over all clients, in which a delay stalls every client

The fifth design is ``twist echo`` itself. None of these is a client, and none prints.
"""
