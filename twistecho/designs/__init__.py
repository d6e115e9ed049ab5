"""The notebook's servers, as small programs over plain sockets that can be compared.

Each answers the same messages with the same replies; they differ in what happens to everybody
else while one client is served:

    sequential   one client at a time; the others wait in the kernel's queue, or outside it
    threaded     a thread a client (`socketserver.ThreadingTCPServer`)
    forking      a process a client (`socketserver.ForkingTCPServer`)
    select_loop  one loop over all clients, in which a delay stalls everyone

The fifth design is ``twist echo`` itself. Rooms of this package import only those named before
them in the ladder of `twistecho`; none of them is a client, and none prints.
"""
