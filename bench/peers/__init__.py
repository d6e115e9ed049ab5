"""The peers: each a program of its own, written as its own users would write it at its best.

A server takes the milliseconds for which it holds each reply and prints the port it listens on. A
client takes a port, a number of connections, a message's size and the messages a connection; it
prints how many came back right, in how many seconds, and the user and system CPU seconds it took.

Two servers have a limit that is known, and share `one_queue.h`: `token_bucket_server.c` and
`one_worker_server.c`, each of which says at its head what it takes.

Four servers show what others' programs cost on a reactor: `web_server`, `amp_server`, `line_server`
and `tls_server` take the name of one, as `reactors` has it, and print their port.
"""
