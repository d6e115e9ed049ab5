/* An echo server that answers at most RATE messages per second: `token_bucket_server RATE BURST SIZE PORT`.
   A token is added every 1/RATE seconds; the tokens of BURST seconds are kept, but at least one. A message takes a
   token and is answered at once, or waits for a token. In any T seconds there are at most RATE * (T + BURST) answers,
   or RATE * T + 1. SIZE is the bytes of each message, PORT 0 any free port. */
#include "one_queue.h"

static double interval, kept, token; /* time between tokens; time of all kept tokens but one; arrival of the next token */

static int64_t due(int64_t arrived) {
    double oldest = arrived - kept, taken = token > oldest ? token : oldest;
    token = taken + interval;
    return taken > arrived ? taken : arrived;
}

int main(int argc, char **argv) {
    if (argc != 5 || atof(argv[1]) <= 0) return 2;
    interval = SECOND / atof(argv[1]);
    kept = atof(argv[2]) * SECOND - interval;
    if (kept < 0) kept = 0;
    token = -kept; /* the bucket is full at first */
    return serve(atoi(argv[3]), atoi(argv[4]));
}
