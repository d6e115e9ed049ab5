"""Whether the fleet's figures are true: beside an observer that sees the same run from outside.

Of each message the observer knows when it went and when its reply had come, by the kernel's clock:
tcpdump at the loopback, or, where that could not keep up, a server in C that notes it itself. From
these follow the times of which the fleet prints percentiles:

wire      From a message being sent to its reply having come. Nobody's program is in it but the
          server.
response  What a client without a share of its own would have seen. It sends a message the moment
          that it is due or, where its previous reply is still out, the moment that comes; the wire
          then takes as long as it did. What the fleet's own queue adds is not in it. In a closed
          load, where a message is due when the reply before it has come, it is the wire time.
connect   From a client's first SYN to the answer.
"""
