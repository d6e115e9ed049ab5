"""Whether the fleet's figures are true, compared with an observer of the same run from outside.

The observer records when each message was sent and when its reply had arrived, by the kernel's
clock: tcpdump at the loopback or, if that cannot keep up, a server in C that records it itself.
From these follow the times whose percentiles the fleet prints:

wire      From the sending of a message to the arrival of its reply. It includes no program but the
          server.
response  The time that a client without delays of its own would have seen. It sends a message at
          the moment when it is due or, if its previous reply is still pending, when that arrives;
          the wire time is the measured one. The fleet's own queue is not included. In a closed
          load, where a message is due when the reply before it has arrived, it is the wire time.
connect   From a client's first SYN to the answer.
"""
