/* An echo server with one worker: `one_worker_server SERVICE SIZE PORT`.
   It serves one message at a time, for SERVICE seconds each: as soon as a message has arrived and the one before it is
   done. So it answers at most 1/SERVICE messages per second, and is the server of the queue M/D/1 if messages arrive
   at random. It uses time, not CPU. SIZE is the bytes of each message, PORT 0 any free port. */
#include "one_queue.h"

static double service, done; /* time per message; when the worker has served all messages that have arrived */

static int64_t due(int64_t arrived) {
    done = (arrived > done ? arrived : done) + service;
    return done;
}

int main(int argc, char **argv) {
    if (argc != 4 || atof(argv[1]) <= 0) return 2;
    service = atof(argv[1]) * SECOND;
    return serve(atoi(argv[2]), atoi(argv[3]));
}
