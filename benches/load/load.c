// load: the ruler that servers are measured with: a load generator and reference servers, each one epoll loop.
//
//   load echo  PORT                              reference echo server on 127.0.0.1:PORT
//   load relay PORT BACK                         reference relay from 127.0.0.1:PORT to 127.0.0.1:BACK, by copying
//
//   load rr    HOST PORT CONNS SIZE SECS [PIPE]  round trips: PIPE messages of SIZE bytes out, the same bytes back
//   load conn  HOST PORT CONC SECS [SIZE]        connect, one round trip, close by reset; CONC at a time
//   load hold  HOST PORT CONNS SECS              open CONNS connections, one round trip each, hold them for SECS
//   load bulk  HOST PORT CONNS SECS              write as fast as the echo is read back
//
// HOST is an IPv4 address. PIPE is 1 and SIZE is 64 where not given.
//
// The reference servers do the least work that an echo or a relay can do: one thread, no framing, no timers, no limits.
// What another server costs is told as a ratio to them, measured in the same run on the same core. `compare`, beside
// this file, does that.
//
// The load is a closed loop: a connection sends again when all that it sent has come back. So the load never queues up
// in front of a slow server, and latencies are those of a server that is as busy as it can be. Every echoed byte is
// compared with what was sent; messages end with LF, so that a server of lines answers too.
//
// Each load prints one line of JSON to standard output when it is done:
//   ops       round trips (rr: messages; 0 for bulk), bytes: what came back, secs: the time that both took
//   p50_us …  latency of a round trip, from the first write (conn: from the connect) to the last byte read
//   errors    connections that failed or were closed by the server
//   bad       reads that did not hold what was sent
// hold also says so on standard error, at once, when every connection was answered.
//
// Exit status: 0; 1 with errors or bad above 0; 2 wrong usage, or a system call failed; 3 not all could connect.
//
//   gcc -O2 -Wall -Wextra -o load load.c

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define EVENTS 512

static uint64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void die(const char *what) {
    perror(what);
    exit(2);
}

static void set_nodelay(int fd) {
    int one = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
}

static struct sockaddr_in loopback(int port) {
    return (struct sockaddr_in){
        .sin_family = AF_INET,
        .sin_port = htons((uint16_t)port),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
}

// ---------------------------------------------------------------- the reference servers

// Each descriptor has a partner that its bytes go to: itself in an echo. What the partner does not take at once waits in
// a buffer, and reading stops until it has gone.
struct flow {
    int to; // -1: closed
    char *buf;
    size_t off, len;
    int eof;
};

#define MAX_FD (1 << 16)
static struct flow flows[MAX_FD];
static char scratch[65536];

static int listen_on(int port) {
    int one = 1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    struct sockaddr_in address = loopback(port);
    if (bind(fd, (void *)&address, sizeof address) || listen(fd, 4096)) die("bind");
    return fd;
}

static void watch_fd(int ep, int op, int fd, uint32_t events) {
    struct epoll_event event = {.events = events, .data.fd = fd};
    epoll_ctl(ep, op, fd, &event);
}

static void begin_flow(int ep, int fd, int to) {
    set_nodelay(fd);
    flows[fd] = (struct flow){.to = to};
    watch_fd(ep, EPOLL_CTL_ADD, fd, EPOLLIN);
}

static void close_one(int fd) {
    free(flows[fd].buf);
    flows[fd].buf = NULL;
    flows[fd].to = -1;
    close(fd);
}

static void close_pair(int fd) {
    int to = flows[fd].to;
    close_one(fd);
    if (to != fd && to >= 0 && flows[to].to == fd) close_one(to);
}

static void accept_all(int ep, int listener, int back) {
    int fd;
    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
        if (fd >= MAX_FD - 1) {
            close(fd);
            continue;
        }
        if (!back) {
            begin_flow(ep, fd, fd);
            continue;
        }
        int upstream = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        if (upstream < 0 || upstream >= MAX_FD) die("socket");
        struct sockaddr_in address = loopback(back);
        connect(upstream, (void *)&address, sizeof address);
        begin_flow(ep, fd, upstream);
        begin_flow(ep, upstream, fd);
    }
}

// `fd` can take what its partner left.
static void write_rest(int ep, int fd) {
    int from = flows[fd].to;
    struct flow *flow = &flows[from];
    ssize_t written = write(fd, flow->buf + flow->off, flow->len);
    if (written < 0) {
        if (errno != EAGAIN) close_pair(fd);
        return;
    }
    flow->off += (size_t)written;
    flow->len -= (size_t)written;
    if (flow->len) return;
    watch_fd(ep, EPOLL_CTL_MOD, fd, flows[fd].len ? 0 : EPOLLIN);
    watch_fd(ep, EPOLL_CTL_MOD, from, EPOLLIN);
    if (flow->eof) shutdown(fd, SHUT_WR);
}

static void keep_rest(int ep, int fd, const char *rest, size_t len) {
    struct flow *flow = &flows[fd];
    if (!flow->buf) flow->buf = malloc(sizeof scratch);
    if (!flow->buf) die("malloc");
    memcpy(flow->buf, rest, len);
    flow->off = 0;
    flow->len = len;
    if (flow->to != fd) watch_fd(ep, EPOLL_CTL_MOD, fd, 0);
    watch_fd(ep, EPOLL_CTL_MOD, flow->to, EPOLLOUT);
}

static void forward(int ep, int fd) {
    int to = flows[fd].to;
    ssize_t got = read(fd, scratch, sizeof scratch);
    if (got < 0) {
        if (errno != EAGAIN) close_pair(fd);
        return;
    }
    if (got == 0) {
        if (to == fd || flows[to].eof) {
            close_pair(fd);
            return;
        }
        flows[fd].eof = 1;
        watch_fd(ep, EPOLL_CTL_MOD, fd, 0);
        shutdown(to, SHUT_WR);
        return;
    }
    ssize_t written = write(to, scratch, (size_t)got);
    if (written < 0) {
        // ENOTCONN: the relay's upstream is still connecting.
        if (errno != EAGAIN && errno != ENOTCONN) {
            close_pair(fd);
            return;
        }
        written = 0;
    }
    if (written < got) keep_rest(ep, fd, scratch + written, (size_t)(got - written));
}

static _Noreturn void serve(int port, int back) {
    int listener = listen_on(port), ep = epoll_create1(0);
    watch_fd(ep, EPOLL_CTL_ADD, listener, EPOLLIN);
    struct epoll_event events[EVENTS];
    for (;;) {
        int n = epoll_wait(ep, events, EVENTS, -1);
        for (int i = 0; i < n; i++) {
            int fd = events[i].data.fd;
            if (fd == listener)
                accept_all(ep, listener, back);
            else if (flows[fd].to < 0)
                continue; // closed by an earlier event of this batch
            else if (events[i].events & EPOLLOUT)
                write_rest(ep, fd);
            else
                forward(ep, fd);
        }
    }
}

// ---------------------------------------------------------------- latencies

// A log-linear histogram: 64 buckets for each power of two, so percentiles are good to some 3 %.
#define SUB 64
static uint64_t histogram[64 * SUB];

static void record(uint64_t ns) {
    int shift = ns < SUB ? 0 : 63 - __builtin_clzll(ns) - 5;
    uint64_t mantissa = ns >> shift;
    if (shift > 57) shift = 57;
    histogram[(uint64_t)shift * SUB + (mantissa & (SUB - 1))]++;
}

static double percentile_us(double p) {
    uint64_t total = 0, seen = 0;
    for (int i = 0; i < 64 * SUB; i++) total += histogram[i];
    uint64_t wanted = (uint64_t)((double)total * p);
    for (int i = 0; i < 64 * SUB; i++) {
        seen += histogram[i];
        if (seen > wanted) return (double)((uint64_t)(i % SUB) << (i / SUB)) / 1e3;
    }
    return 0;
}

// ---------------------------------------------------------------- the load

enum mode { RR, CONN, HOLD, BULK };
static const char *const mode_names[] = {"rr", "conn", "hold", "bulk"};

struct conn {
    int fd;
    int connecting;
    uint64_t sent, got;
    uint64_t begun; // when this round trip began
};

#define CHUNK 65536
#define BULK_WINDOW (1u << 20) // most bytes that a bulk connection has not read back yet

static enum mode mode;
static struct sockaddr_in server;
static int count, size = 64, pipelined = 1;
static double secs;

static int ep;
static struct conn *conns;
static char out[1 << 20], in[1 << 18];
static uint64_t ops, bytes, answered, errors, bad;

static void watch(struct conn *c, int op, uint32_t events) {
    struct epoll_event event = {.events = events, .data.ptr = c};
    epoll_ctl(ep, op, c->fd, &event);
}

static void begin_connect(struct conn *c) {
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    if (c->fd < 0) die("socket");
    set_nodelay(c->fd);
    if (connect(c->fd, (void *)&server, sizeof server) && errno != EINPROGRESS) die("connect");
    c->connecting = 1;
    c->begun = now_ns();
    watch(c, EPOLL_CTL_ADD, EPOLLOUT);
}

static int connect_error(const struct conn *c) {
    int error = 0;
    socklen_t len = sizeof error;
    getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &len);
    return error;
}

// The payload: letters, a LF at the end of each message (bulk: of each KiB).
static void fill_payload(void) {
    for (size_t i = 0; i < sizeof out; i++) out[i] = (char)('a' + (i * 7 + i / 251) % 26);
    size_t line = mode == BULK ? 1024 : (size_t)size;
    for (size_t i = line - 1; i < sizeof out; i += line) out[i] = '\n';
}

static void begin_all(void) {
    for (int i = 0; i < count; i++) {
        begin_connect(&conns[i]);
        if (mode != CONN && i % 256 == 255) {
            // Lets the server drain its backlog.
            struct timespec pause = {0, 5000000};
            nanosleep(&pause, NULL);
        }
    }
}

// Not timed, but for conn, whose work it is.
static int wait_until_connected(void) {
    struct epoll_event events[EVENTS];
    for (int ready = 0; ready < count;) {
        int n = epoll_wait(ep, events, EVENTS, 10000);
        if (n <= 0) {
            fprintf(stderr, "timeout connecting %d/%d\n", ready, count);
            return 0;
        }
        for (int i = 0; i < n; i++) {
            struct conn *c = events[i].data.ptr;
            int error = connect_error(c);
            if (error) {
                errno = error;
                die("connect");
            }
            if (c->connecting) {
                c->connecting = 0;
                ready++;
                watch(c, EPOLL_CTL_MOD, EPOLLIN);
            }
        }
    }
    return 1;
}

// Writes one message, or as many as are to be in flight.
static void send_batch(struct conn *c) {
    size_t len = (size_t)size * (size_t)pipelined;
    for (size_t done = 0; done < len;) {
        ssize_t written = write(c->fd, out + done, len - done);
        if (written >= 0) {
            done += (size_t)written;
        } else if (errno != EAGAIN) {
            errors++;
            break;
        }
    }
    c->sent += len;
}

static void send_bulk(struct conn *c) {
    while (c->sent - c->got < BULK_WINDOW) {
        size_t offset = c->sent % sizeof out, len = CHUNK;
        if (offset + len > sizeof out) len = sizeof out - offset;
        ssize_t written = write(c->fd, out + offset, len);
        if (written <= 0) break;
        c->sent += (uint64_t)written;
        if ((size_t)written < len) break;
    }
    if (c->sent - c->got >= BULK_WINDOW) watch(c, EPOLL_CTL_MOD, EPOLLIN);
}

static void connected(struct conn *c) {
    if (connect_error(c)) {
        errors++;
        close(c->fd);
        begin_connect(c);
        return;
    }
    c->connecting = 0;
    c->got = 0;
    if (write(c->fd, out, (size_t)size) != size) errors++;
    watch(c, EPOLL_CTL_MOD, EPOLLIN);
}

static void failed(struct conn *c) {
    errors++;
    close(c->fd);
    if (mode == CONN) begin_connect(c);
}

static void check_echo(const struct conn *c, size_t len) {
    uint64_t period = mode == BULK ? sizeof out : (uint64_t)size * (uint64_t)pipelined;
    for (size_t done = 0; done < len;) {
        uint64_t offset = (c->got + done) % period;
        size_t part = len - done;
        if (offset + part > period) part = period - offset;
        if (memcmp(in + done, out + offset, part)) bad++;
        done += part;
    }
}

static void round_trip_done(struct conn *c) {
    uint64_t now = now_ns();
    record(now - c->begun);
    ops += (uint64_t)pipelined;
    c->begun = now;
}

static void close_by_reset(struct conn *c) {
    // A reset leaves nothing in TIME_WAIT, so the ports never run out.
    struct linger reset = {1, 0};
    setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    close(c->fd);
}

static void received(struct conn *c) {
    switch (mode) {
    case CONN:
        if (c->got < (uint64_t)size) return;
        round_trip_done(c);
        close_by_reset(c);
        begin_connect(c);
        return;
    case RR:
        if (c->got < c->sent) return;
        round_trip_done(c);
        send_batch(c);
        return;
    case HOLD:
        if (c->got < c->sent) return;
        c->sent = UINT64_MAX; // counted
        if (++answered == (uint64_t)count) fprintf(stderr, "answered %d\n", count);
        return;
    case BULK:
        if (c->sent - c->got < BULK_WINDOW / 2) watch(c, EPOLL_CTL_MOD, EPOLLIN | EPOLLOUT);
        return;
    }
}

static void readable(struct conn *c) {
    ssize_t got = read(c->fd, in, sizeof in);
    if (got <= 0) {
        if (got == 0 || errno != EAGAIN) failed(c);
        return;
    }
    check_echo(c, (size_t)got);
    c->got += (uint64_t)got;
    bytes += (uint64_t)got;
    received(c);
}

static void run_until(uint64_t end) {
    struct epoll_event events[EVENTS];
    while (now_ns() < end) {
        int n = epoll_wait(ep, events, EVENTS, 100);
        for (int i = 0; i < n; i++) {
            struct conn *c = events[i].data.ptr;
            uint32_t ready = events[i].events;
            if (c->connecting) {
                connected(c);
                continue;
            }
            if (mode == BULK && (ready & EPOLLOUT)) send_bulk(c);
            if (ready & (EPOLLIN | EPOLLHUP | EPOLLERR)) readable(c);
        }
    }
}

static void report(double open_s, double took) {
    printf("{\"mode\":\"%s\",\"conns\":%d,", mode_names[mode], count);
    if (mode == HOLD)
        printf("\"answered\":%lu,\"open_s\":%.2f,", answered, open_s);
    else
        printf("\"size\":%d,\"pipe\":%d,\"ops\":%lu,\"bytes\":%lu,\"secs\":%.4f,\"ops_s\":%.0f,\"MB_s\":%.1f,"
               "\"p50_us\":%.1f,\"p99_us\":%.1f,\"p999_us\":%.1f,",
               size, pipelined, ops, bytes, took, (double)ops / took, (double)bytes / took / 1e6,
               percentile_us(.5), percentile_us(.99), percentile_us(.999));
    printf("\"errors\":%lu,\"bad\":%lu}\n", errors, bad);
}

static int load(void) {
    ep = epoll_create1(0);
    conns = calloc((size_t)count, sizeof *conns);
    if (!conns) die("calloc");
    fill_payload();

    uint64_t opening = now_ns();
    begin_all();
    if (mode != CONN && !wait_until_connected()) return 3;

    uint64_t begun = now_ns();
    for (int i = 0; i < count; i++) {
        struct conn *c = &conns[i];
        if (mode == BULK) watch(c, EPOLL_CTL_MOD, EPOLLIN | EPOLLOUT);
        if (mode == RR || mode == HOLD) {
            c->begun = now_ns();
            send_batch(c);
        }
    }
    run_until(begun + (uint64_t)(secs * 1e9));
    report((double)(begun - opening) / 1e9, (double)(now_ns() - begun) / 1e9);
    return errors || bad;
}

// ---------------------------------------------------------------- the command line

static int usage(void) {
    fputs("usage: load echo PORT | relay PORT BACK\n"
          "       load rr HOST PORT CONNS SIZE SECS [PIPE] | conn HOST PORT CONC SECS [SIZE]\n"
          "       load hold HOST PORT CONNS SECS | bulk HOST PORT CONNS SECS\n",
          stderr);
    return 2;
}

// Takes the arguments of a load; 0 where they make no sense.
static int parse(int argc, char **argv) {
    if (argc < 6) return 0;
    int known = 0;
    for (int i = 0; i < 4; i++) {
        if (!strcmp(argv[1], mode_names[i])) {
            mode = (enum mode)i;
            known = 1;
        }
    }
    if (!known || (mode == RR && argc < 7)) return 0;
    server.sin_family = AF_INET;
    server.sin_port = htons((uint16_t)atoi(argv[3]));
    if (inet_pton(AF_INET, argv[2], &server.sin_addr) != 1) return 0;
    count = atoi(argv[4]);
    secs = atof(argv[mode == RR ? 6 : 5]);
    if (mode == RR) size = atoi(argv[5]);
    if (mode == RR && argc > 7) pipelined = atoi(argv[7]);
    if (mode == CONN && argc > 6) size = atoi(argv[6]);
    return count > 0 && size > 0 && pipelined > 0 && secs > 0 &&
           (uint64_t)size * (uint64_t)pipelined <= sizeof out;
}

static void raise_descriptor_limit(void) {
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

int main(int argc, char **argv) {
    signal(SIGPIPE, SIG_IGN);
    raise_descriptor_limit();
    if (argc == 3 && !strcmp(argv[1], "echo")) serve(atoi(argv[2]), 0);
    if (argc == 4 && !strcmp(argv[1], "relay")) serve(atoi(argv[2]), atoi(argv[3]));
    return parse(argc, argv) ? load() : usage();
}
