"""The peers: each is a separate program, written as well as its own users would write it.

The argument of a server is the delay of each reply in milliseconds; it prints the port it listens
on. The arguments of a client are a port, a number of connections, a message's size and the messages
per connection; it prints the number of right replies, the seconds, and the user and system CPU
seconds.

Two servers have a known limit, and share `one_queue.h`: `token_bucket_server.c` and
`one_worker_server.c`, whose first lines describe their arguments.

Four servers measure other programs on a reactor: the argument of `web_server`, `amp_server`,
`line_server` and `tls_server` is the name of a reactor in `reactors`; they print their port.
"""
