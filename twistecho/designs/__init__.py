"""The notebook's servers, as small programs over plain sockets that can be compared.

Each answers the same messages with the same replies; they differ in what happens to everybody
else while one client is served:

    sequential   one client at a time; the others wait in the kernel's queue, or outside it
    threaded     a thread a client (`socketserver.ThreadingTCPServer`)
    forking      a process a client (`socketserver.ForkingTCPServer`)
    select       one loop over all clients, in which a delay stalls everyone

The fifth design is ``twist echo`` itself. None of these is a client, and none prints.
"""
