"""An echo service that answers late, or wrongly, as asked, and a fleet that proves what came back.

The rooms, from the top of the ladder down; a room imports only rooms above it:

    wire                 pure     write a reply
    owed                 pure     what was sent and has not come back yet
    stamped              pure     read stamped replies back
    prefixed             pure     read prefixed replies back
    readback             pure     read replies back, in the format that is expected
    duration             pure     times as people write them
    spec                 pure     read ``name:value,option=value``
    draw                 pure     chance that can be repeated
    delay                pure     how long a reply waits
    distribution         pure     how delays are spread
    varying              pure     delays that vary from reply to reply
    delays               pure     read delays, those that vary too
    fault                pure     which replies go wrong
    damage               pure     what a fault makes of a reply
    faults               pure     read faults
    script               pure     what a message asks for itself
    tracefile            files    read a trace of delays
    limits               pure     what the service holds at most
    outcome              pure     how a conversation ended
    plan                 pure     what each client does
    target               pure     whom the clients talk to
    latency              pure     how long replies took
    interval             pure     one second of a run
    measured             pure     how long everything took in a run
    recording            pure     what an engine records while it runs
    load                 pure     when a client's messages are due
    dialogue             pure     request/reply protocols of the user's own
    exchange             pure     what one client has in flight, and the replies to it
    conversation         pure     one client's side: what to send next, is what came back right
    report               pure     what a fleet found
    merge                pure     reports of several runs as one
    validity             pure     whether a report can be believed
    readings             pure     the figures of a report, by name
    require              pure     what a run is required to find
    verdict              pure     valid, complete, and as required
    junit                text     a verdict as JUnit XML
    hdrlog               pure     a report's intervals as HdrHistogram's own log
    course               pure     what a fleet found, second by second, ready to be drawn
    standing             pure     how far a run is
    shares               pure     what each of several workers may hold
    bounds               pure     the options that set the limits
    peer                 pure     who is at the other end
    exposure             pure     who can reach a port
    trusted              pure     which peers are proxies to be believed
    proxyheader          pure     read a PROXY header
    counts               pure     what a service counts while it runs
    budget               pure     the bytes all connections may have waiting, and whose turn is next
    admission            pure     who may come in
    lifeline             process  a process that ends when its parent does
    openfiles            system   how many files the process may open
    comparison           pure     what a comparison of designs found
    monotonic            clock    which time to go by
    delayline            clock    many waiting replies, in order, one timer
    steadyline           clock    the same where all are held equally long
    sweep                clock    one periodic look at all connections
    occasional           clock    log lines that could come by the thousand
    deadlines            clock    many equal timeouts, one timer
    alarms               clock    many alarms, one timer
    outgoing             Twisted  what was written and not read by the peer yet
    localports           sockets  local ports of connections from a chosen address
    listener             sockets  a listening socket that accepts by the shortest way
    eagerconnection      Twisted  stream transports that are quick and say why they broke
    eagertransport       Twisted  those of TCP, with a shortcut
    eagerunix            Twisted  those of Unix sockets, along which descriptors may come
    eagerinterest        Twisted  which connections want to be read from, and to write
    eagerstreams         Twisted  how the eager reactor comes by its connections
    eagerreactor         Twisted  a faster epoll reactor
    reactors             Twisted  which reactor a command runs on
    connection           Twisted  what every connection of the service has: state, bounds, ends
    patience             Twisted  how long a peer may be idle or refuse to read
    draining             Twisted  how a connection ends well
    protocol             Twisted  one connection of the service: messages become replies
    steady               Twisted  the same where all replies are held equally long
    answer               Twisted  the same with replies from a callable
    resetting            Twisted  reset a connection, but not before all is sent
    faulty               Twisted  a connection that goes wrong where it is told to
    factory              Twisted  what all connections of a service share
    proxied              Twisted  connections that come through a proxy
    accepting            Twisted  backs off when the system cannot accept
    turns                Twisted  one listening socket, several processes: whose turn it is
    unixport             Twisted  Unix sockets: stale ones replaced, others' left alone
    tlsfactory           Twisted  TLS that can refuse a connection
    endpoint             Twisted  where to listen, from its description
    adopted              Twisted  the same for sockets that another process listens on
    notify               Twisted  tells systemd that the service is ready, alive, stopping
    service              Twisted  listens, and drains when it stops
    metrics              Twisted  the service's counters for Prometheus
    workermetrics        Twisted  the sum of all workers' counters
    echooptions          Twisted  the command line of ``twist echo``
    building             Twisted  from its options to the factory and where it listens
    mainservice          Twisted  the service as the main thing of its process
    assignment           pure     what a worker is told
    worker               Twisted  one of several processes that serve the same ports
    lifesigns            Twisted  what workers tell the process that started them
    supervisor           Twisted  worker processes: started, watched, started again, ended
    workers              Twisted  listens for the workers and answers for them
    tap                  Twisted  ``twist echo``: makeService
    served               Twisted  ``twist echo`` as the child of a process that talks to it
    echoserver           process  services for other people's tests, a process each
    inprocess            Twisted  the same on the reactor that runs
    testcase                      the same for test cases of unittest and trial
    pytest_plugin                 the same as fixtures
    protocols            files    find a protocol of the user's own
    sources              pure     local addresses to connect from
    capacity             sockets  whether there is room for the clients of a plan
    resolve              sockets  a host's addresses
    dial                 Twisted  one connection to the first address that takes it
    oserrors             Twisted  why an established connection broke
    client               Twisted  one client of a fleet
    secureclient         Twisted  one client of a fleet that speaks TLS
    fleet                Twisted  the reactor-driven multi-client connector
    gate                 sockets  a gate that threads wait at together with their sockets
    connecting           sockets  a plain socket, connected to the first address that takes it
    talk                 sockets  one client's conversation over a plain socket
    securing             sockets  TLS for plain sockets: whom to trust, and the handshake
    securetalk           sockets  one client's conversation over TLS
    threads              sockets  the same plan, a thread a client, without Twisted
    designs              pure     the notebook's servers: which there are
    designs.settings     pure     what every design is told
    designs.listening    sockets  listening sockets
    designs.blocking     sockets  one client served by calls that block
    designs.sequential   sockets  one client at a time
    designs.threaded     sockets  a thread a client
    designs.forking      sockets  a process a client
    designs.select_loop  sockets  one loop over all clients
    designs.catalogue    sockets  the designs by name
    launch               process  a server in a process of its own
    meter                process  what a server costs
    render                        tables, lines and progress for a terminal
    live                          how far a fleet is, for a terminal or a log
    figures                       the figures of a comparison, as a table
    timeline                      what every client did when, for a terminal
    findings                      what was found, as tables and lines for a terminal
    canvas                        what pictures share
    plot                          a comparison as a picture
    charts                        what a fleet found, as pictures
    page                          what a fleet found, as an HTML page
    engines                       run a plan with the engine chosen
    division             pure     a plan divided among processes
    part                 process  one of the processes that carry out a plan together
    processes            process  a plan carried out by several processes
    runner               process  a plan run in a process of its own
    experiment           process  the same plan against every design
    locust.sequel        pure     a report of a fleet that began later than its run
    locust.gathering     pure     what the workers of a Locust run told, put together
    locust.statistics             a report in Locust's statistics
    locust.relay                  what a worker has not told yet
    locust.fleetprocess  process  a fleet in a process of its own, waited for as gevent does
    locust.fleetuser              a Locust user that is a fleet
    locust.echouser      sockets  a Locust user that is one client
    locust.concluding             the merged reports of a Locust run: written, judged, shown
    locust.listening              connects the users to Locust: who relays, who gathers
    locust                        the clients as users of Locust
    outputs                       files that results are written to, and people's stream
    optiontypes                   what options take
    options                       the options that commands share
    results                       what commands do with a report: judge, show, write it
    serving                       ``twistecho serve``
    comparing                     ``twistecho compare``
    measuring                     ``twistecho fleet``
    reporting                     ``twistecho report``
    cli                           the ``twistecho`` command

The names below are the public ones. They are imported when they are first used, so that
``twistecho.threads`` works without Twisted and the factory without the command's libraries.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .delay import Constant, Delay, DelayPer
    from .factory import EchoFactory
    from .fleet import Fleet
    from .limits import Limits
    from .outcome import Cause, Outcome, Phase
    from .owed import ExtraError, MismatchError
    from .plan import Plan
    from .report import Disagreement, Report
    from .service import EchoService
    from .threads import run_threads
    from .wire import ReplyFormat

_ROOMS = {
    "Cause": "outcome",
    "Constant": "delay",
    "Delay": "delay",
    "DelayPer": "delay",
    "Disagreement": "report",
    "EchoFactory": "factory",
    "EchoService": "service",
    "ExtraError": "owed",
    "Fleet": "fleet",
    "Limits": "limits",
    "MismatchError": "owed",
    "Outcome": "outcome",
    "Phase": "outcome",
    "Plan": "plan",
    "ReplyFormat": "wire",
    "Report": "report",
    "run_threads": "threads",
}

__all__ = [
    "Cause",
    "Constant",
    "Delay",
    "DelayPer",
    "Disagreement",
    "EchoFactory",
    "EchoService",
    "ExtraError",
    "Fleet",
    "Limits",
    "MismatchError",
    "Outcome",
    "Phase",
    "Plan",
    "ReplyFormat",
    "Report",
    "run_threads",
]


def __getattr__(name: str) -> object:
    """Import a public name from its room when it is first used (PEP 562)."""
    if name not in _ROOMS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f".{_ROOMS[name]}", __name__), name)
    globals()[name] = value
    return value
