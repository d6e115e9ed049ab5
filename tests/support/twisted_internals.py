"""The parts of Twisted that the eager reactor uses and that are not public."""

TWISTED_INTERNALS: dict[str, str | None] = {
    # the event loop
    "twisted.internet.base.ReactorBase.runUntilCurrent": "self",
    "twisted.internet.epollreactor.EPollReactor.doPoll": "self timeout",
    "twisted.internet.posixbase._PollLikeMixin._doReadOrWrite": "self selectable fd event",
    "twisted.internet.posixbase._DisconnectSelectableMixin._disconnectSelectable":
        "self selectable why isRead",
    "twisted.python.context.theContextTracker.currentContext": "",
    "twisted.python.context.ContextTracker": "",
    "twisted.internet.epollreactor.EPollReactor._add":
        "self xer primary other selectables event antievent",
    "twisted.internet.epollreactor.EPollReactor._remove":
        "self xer primary other selectables event antievent",
    # how connections are made
    "twisted.internet.tcp.Server.__init__": "self sock protocol client server sessionno reactor",
    "twisted.internet.tcp.Server._addressType": None,
    "twisted.internet.posixbase.PosixReactorBase._supportedAddressFamilies": None,
    "twisted.internet.tcp.Port.transport": None,
    "twisted.internet.tcp.Server._fromConnectedSocket":
        "fileDescriptor addressFamily factory reactor",
    "twisted.internet.unix.Server._fromConnectedSocket": "fileDescriptor factory reactor",
    "twisted.internet.tcp.Connector._makeTransport": "self",
    "twisted.internet.unix.Connector._makeTransport": "self",
    "twisted.internet.tcp.BaseClient._connectDone": "self",
    # a connection's buffer and state
    "twisted.internet.abstract.FileDescriptor.doWrite": "self",
    "twisted.internet.abstract.FileDescriptor.dataBuffer": None,
    "twisted.internet.abstract.FileDescriptor.offset": None,
    "twisted.internet.abstract.FileDescriptor.SEND_LIMIT": None,
    "twisted.internet.abstract.FileDescriptor._writeDisconnecting": None,
    "twisted.internet.abstract.FileDescriptor._writeDisconnected": None,
    "twisted.internet.abstract.FileDescriptor._maybePauseProducer": "self",
    "twisted.internet.tcp.Connection.TLS": None,
    "twisted.internet.tcp.Connection.writeSomeData": "self data",
    "twisted.internet.unix._SendmsgMixin._writeSomeDataBase": None,
    "twisted.internet.unix._SendmsgMixin._ancillaryLevelSOLSOCKETTypeSCMRIGHTS": "self cmsgData",
    "twisted.internet.abstract._LogOwner._getLogPrefix": "self applicationObject",
}  # fmt: skip
"""The names that are used beside Twisted's public interface, and their arguments; the attributes
``_tempDataBuffer`` and ``_tempDataLen`` of connections, ``_reads``, ``_writes``, ``_selectables``
and ``_poller`` of reactors and ``contexts`` of context trackers exist only in instances. A test
checks all of them with the installed Twisted."""
