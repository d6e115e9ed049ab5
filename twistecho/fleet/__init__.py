"""The fleet: what its clients do, the two engines that carry that out, and what a run found.

The layers; a package imports only packages on layers below its own, here and in `twistecho`:

    0  plans                          what clients do
    1  reports                        what a run found: pure
    2  conversation output            one client without I/O; tables, pictures, files
    3  reactor_engine thread_engine   the two engines, independent of each other
    4  runs                           a plan carried out, in this process or in children
    5  search                         searches that need runs at several loads
"""
