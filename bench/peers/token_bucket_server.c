/* An echo server that answers at most RATE messages a second: `token_bucket_server RATE BURST SIZE PORT`.
   A token comes every 1/RATE seconds, and BURST seconds' worth of them is kept, or one. A message takes a token and is
   answered at once; without one it waits for it. In any T seconds there are RATE * (T + BURST) answers at most, or
   RATE * T + 1. SIZE is the bytes of each message, PORT 0 any free port. */
#include "one_queue.h"

static double interval, kept, token; /* between tokens; the time of those kept, but one; when the next one came */

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
    token = -kept; /* it begins full */
    return serve(atoi(argv[3]), atoi(argv[4]));
}
