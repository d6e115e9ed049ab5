"""The fleet: what its clients do, the two engines that carry that out, and what a run found.

The layers; a package imports only packages on layers below its own, here and in `twistecho`:

    0  plans                          what clients do
    1  reports                        what a run found: pure
    2  conversation output            one client without I/O; tables, pictures, files
    3  reactor_engine thread_engine   the two witnesses, which do not know each other
    4  runs                           a plan carried out, here or in children
    5  search                         questions that take more than one load
"""
