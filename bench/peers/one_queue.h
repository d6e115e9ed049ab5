/* A raw echo server with one queue for the messages of all connections, first come, first served.
   A server with a known limit includes this, computes in `due` when each message is answered, and calls `serve`.

   All messages have the same size, so that several in one read count as several. A message has arrived when the
   kernel received it, not when it was read here, and its answer is due at an absolute time: other load on the
   machine makes answers late, but does not reduce the limit. Times are nanoseconds since the start.

   While MOST_WAITING messages wait, nothing is read. The message of a client that has closed keeps its place.
   Messages that a client sent before its FIN are answered; a client whose socket has no room for an answer is
   disconnected. The port is printed; the server ends with its standard input. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

enum { MOST_FILES = 1 << 16, MOST_WAITING = 1 << 14, LARGEST = 1024, EVENTS = 1024, SECOND = 1000000000 };

struct connection { uint32_t number, waiting, unfinished, ended; };
struct message { int64_t due; uint32_t connection; int fd; };

static struct connection connections[MOST_FILES];
static struct message queue[MOST_WAITING];
static uint64_t first, next; /* positions in the queue; their places are modulo MOST_WAITING */
static char buffer[65536], *waiting_bytes, *unfinished_bytes;
static size_t size;
static int64_t start;
static int poller, listener, timer;

/* Returns when a message is answered; messages must be passed in the order of arrival. */
static int64_t due(int64_t arrived);

static int64_t read_clock(clockid_t clock) {
    struct timespec at;
    clock_gettime(clock, &at);
    return (int64_t)at.tv_sec * SECOND + at.tv_nsec;
}

static int64_t now(void) { return read_clock(CLOCK_MONOTONIC) - start; }

static size_t room(void) { return MOST_WAITING - (next - first); }

static char *bytes_at(uint64_t place) { return waiting_bytes + place % MOST_WAITING * size; }

static void leave(int fd) {
    connections[fd].number++;
    close(fd);
}

/* Returns when the kernel received the bytes read, by the clock of due times. */
static int64_t arrival(struct msghdr *how) {
    struct timespec stamp;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(how); c; c = CMSG_NXTHDR(how, c))
        if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_TIMESTAMPNS) {
            memcpy(&stamp, CMSG_DATA(c), sizeof stamp);
            /* With this order of reading the clocks, a pause between them makes the time too late, never too early. */
            int64_t ago = read_clock(CLOCK_REALTIME) - ((int64_t)stamp.tv_sec * SECOND + stamp.tv_nsec);
            return now() - (ago > 0 ? ago : 0);
        }
    return now();
}

static ssize_t receive(int fd, char *into, size_t most, int64_t *arrived) {
    char control[CMSG_SPACE(sizeof(struct timespec))];
    struct iovec place = {into, most};
    struct msghdr how = {.msg_iov = &place, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    ssize_t got = recvmsg(fd, &how, MSG_DONTWAIT);
    if (got > 0) *arrived = arrival(&how);
    return got;
}

static void finish(int fd) {
    connections[fd].ended = 1;
    if (connections[fd].waiting) epoll_ctl(poller, EPOLL_CTL_DEL, fd, NULL);
    else leave(fd);
}

static void take(int fd) {
    struct connection *from = &connections[fd];
    char *unfinished = unfinished_bytes + fd * size, *at = buffer;
    size_t most = room() * size < sizeof buffer ? room() * size : sizeof buffer, have = from->unfinished;
    int64_t arrived = 0;
    memcpy(buffer, unfinished, have);
    ssize_t got = receive(fd, buffer + have, most - have, &arrived);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (got < 0) leave(fd);
    if (got == 0) finish(fd);
    if (got <= 0) return;
    for (have += got; have >= size; have -= size, at += size, next++, from->waiting++) {
        queue[next % MOST_WAITING] = (struct message){due(arrived), from->number, fd};
        memcpy(bytes_at(next), at, size);
    }
    memcpy(unfinished, at, have);
    from->unfinished = have;
}

static void answer(const struct message *message, const char *bytes) {
    struct connection *to = &connections[message->fd];
    if (to->number != message->connection) return;
    to->waiting--;
    ssize_t sent = send(message->fd, bytes, size, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent != (ssize_t)size || (to->ended && !to->waiting)) leave(message->fd);
}

/* Answer the due messages, and set the timer for the next one. */
static void answer_all_due(void) {
    static int64_t set_to = -1;
    for (; first < next && queue[first % MOST_WAITING].due <= now(); first++)
        answer(&queue[first % MOST_WAITING], bytes_at(first));
    if (first == next || queue[first % MOST_WAITING].due == set_to) return;
    set_to = queue[first % MOST_WAITING].due;
    struct itimerspec at = {.it_value = {(start + set_to) / SECOND, (start + set_to) % SECOND}};
    timerfd_settime(timer, TFD_TIMER_ABSTIME, &at, NULL);
}

static void watch(int fd) {
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
    epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event);
}

static void admit(void) {
    int one = 1, fd = accept(listener, NULL, NULL);
    if (fd < 0) return;
    if (fd >= MOST_FILES) {
        close(fd);
        return;
    }
    connections[fd] = (struct connection){.number = connections[fd].number};
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    watch(fd);
}

static int listen_on(int port) {
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(port)};
    socklen_t length = sizeof at;
    int one = 1;
    listener = socket(AF_INET, SOCK_STREAM, 0);
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    /* Connections inherit the option: the first message has its time too. */
    setsockopt(listener, SOL_SOCKET, SO_TIMESTAMPNS, &one, sizeof one);
    if (bind(listener, (struct sockaddr *)&at, sizeof at) || listen(listener, 4096)) return 0;
    getsockname(listener, (struct sockaddr *)&at, &length);
    printf("%d\n", ntohs(at.sin_port));
    fflush(stdout);
    return 1;
}

/* Wait for events, or only for the timer if the queue is full. Returns false at the end of standard input. */
static int turn(void) {
    static struct epoll_event events[EVENTS];
    uint64_t expirations;
    if (!room()) return read(timer, &expirations, sizeof expirations) > 0;
    int ready = epoll_wait(poller, events, EVENTS, -1);
    for (int e = 0; e < ready; e++) {
        int fd = events[e].data.fd;
        if (fd == STDIN_FILENO && read(fd, buffer, sizeof buffer) <= 0) return 0;
        else if (fd == listener) admit();
        else if (fd == timer) (void)!read(timer, &expirations, sizeof expirations);
        else if (fd != STDIN_FILENO && room()) take(fd);
    }
    return 1;
}

static int serve(int message_size, int port) {
    size = message_size;
    start = read_clock(CLOCK_MONOTONIC);
    if (message_size < 1 || message_size > LARGEST) return 2;
    waiting_bytes = malloc(MOST_WAITING * size);
    unfinished_bytes = malloc(MOST_FILES * size);
    poller = epoll_create1(0);
    timer = timerfd_create(CLOCK_MONOTONIC, 0);
    if (!waiting_bytes || !unfinished_bytes || poller < 0 || timer < 0 || !listen_on(port)) return 1;
    watch(listener);
    watch(timer);
    watch(STDIN_FILENO);
    while (turn()) answer_all_due();
    return 0;
}
