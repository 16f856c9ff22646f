//! Everything that is told. `docs/metrics.md` has the same table, and a test holds the two together.

use super::family::Family;

const LISTENER: &[&str] = &["listener"];
const REASON: &[&str] = &["listener", "reason"];
const ADDRESS: &[&str] = &["listener", "address"];

// === connections ===

pub(crate) const ACCEPTED: Family = Family::counter(
    "terima_connections_accepted_total",
    LISTENER,
    "connections",
    "Taken off the accept queue, those that were turned away included.",
);
pub(crate) const REFUSED: Family = Family::counter(
    "terima_connections_refused_total",
    REASON,
    "connections",
    "Accepted and turned away, by reason.",
);
pub(crate) const ENDED: Family = Family::counter(
    "terima_connections_ended_total",
    REASON,
    "connections",
    "Ended, by the word that the access line has for it: terima's own, or one of a handler's. Beyond 32 of those a listener they count as handler_error.",
);
pub(crate) const ACTIVE: Family = Family::gauge(
    "terima_connections_active",
    LISTENER,
    "connections",
    "Accepted, neither turned away nor ended: accepted less refused less ended, at any time.",
);
pub(crate) const ESTABLISHING: Family = Family::gauge(
    "terima_connections_establishing",
    LISTENER,
    "connections",
    "Active, and the handler has not started yet.",
);
pub(crate) const LIMIT: Family = Family::gauge(
    "terima_connections_limit",
    LISTENER,
    "connections",
    "limits.connections; not told where it is unlimited.",
);
pub(crate) const DURATION: Family = Family::histogram(
    "terima_connection_duration_seconds",
    LISTENER,
    "From accept to end, of connections that have ended.",
);
pub(crate) const ESTABLISH_DURATION: Family = Family::histogram(
    "terima_establish_duration_seconds",
    LISTENER,
    "From accept to the start of the handler. Where nothing lies between, it is how long a worker let the connection wait.",
);

pub(crate) const ACCESS_DRY_RUN: Family = Family::counter(
    "terima_access_dry_run_total",
    LISTENER,
    "connections",
    "Let in, though access would refuse them: access.dry_run is set.",
);

// === traffic ===

pub(crate) const RECEIVED_BYTES: Family =
    Family::counter("terima_received_bytes_total", LISTENER, "bytes", "Read from clients.");
pub(crate) const SENT_BYTES: Family =
    Family::counter("terima_sent_bytes_total", LISTENER, "bytes", "Written to clients.");
pub(crate) const RECEIVED_FRAMES: Family = Family::counter(
    "terima_received_frames_total",
    LISTENER,
    "frames",
    "Decoded and given to handlers. Told when a connection reads or writes next, so a few are late.",
);
pub(crate) const SENT_FRAMES: Family = Family::counter(
    "terima_sent_frames_total",
    LISTENER,
    "frames",
    "Encoded for clients. Told when a connection reads or writes next, so a few are late.",
);
pub(crate) const BUFFERED_BYTES: Family = Family::gauge(
    "terima_buffered_bytes",
    &["listener", "direction"],
    "bytes",
    "Held by connections: of direction input, read and not decoded when the handler last asked for more; of direction output, not written yet.",
);

// === accepting ===

pub(crate) const ACCEPT_ERRORS: Family = Family::counter(
    "terima_accept_errors_total",
    &["listener", "class"],
    "errors",
    "Errors of accept(2). Of class connection: one that was gone already; system: no descriptors, no memory, anything unknown; listener: its socket is dead.",
);
pub(crate) const ACCEPT_PAUSES: Family = Family::counter(
    "terima_accept_pauses_total",
    LISTENER,
    "pauses",
    "Pauses of accepting, of 10 ms to 1 s, after an error of class system.",
);
pub(crate) const QUEUE: Family = Family::gauge(
    "terima_accept_queue_connections",
    ADDRESS,
    "connections",
    "Established by the system and waiting to be accepted. Linux, TCP.",
);
pub(crate) const QUEUE_LIMIT: Family = Family::gauge(
    "terima_accept_queue_limit",
    ADDRESS,
    "connections",
    "How many the system lets wait: socket.backlog, at most net.core.somaxconn. Linux, TCP.",
);
pub(crate) const QUEUE_OVERFLOWS: Family = Family::counter(
    "terima_accept_queue_overflows_total",
    &[],
    "connections",
    "Clients that came while an accept queue was full, since the system started: ListenOverflows of every socket in the network namespace, those of other programs too. Linux.",
);
pub(crate) const STATE: Family = Family::gauge(
    "terima_listener_state",
    &["listener", "state"],
    "0 or 1",
    "1 for the state that it is in, 0 for the others: failed, closed, paused (by whoever runs the server), starved (by the system), full, accepting. Where several hold, the first of them here.",
);
pub(crate) const HEARTBEAT_AGE: Family = Family::gauge(
    "terima_heartbeat_age_seconds",
    LISTENER,
    "seconds",
    "Since the last sign of life of the accept loop that has been silent the longest. One comes every second; after ten without, a loop counts as hung. Not told once the listener is closed.",
);

// === the service ===

pub(crate) const READY: Family = Family::gauge(
    "terima_ready",
    &[],
    "0 or 1",
    "Whether new clients are welcome: until a shutdown is asked for.",
);
pub(crate) const SERVER_LIMIT: Family = Family::gauge(
    "terima_server_connections_limit",
    &[],
    "connections",
    "server.max_connections, for all listeners together; not told where it is unlimited.",
);
#[cfg_attr(
    not(any(feature = "cli", test)),
    expect(dead_code, reason = "only the command line has a log of its own")
)]
pub(crate) const LOG_LINES_LOST: Family = Family::counter(
    "terima_log_lines_lost_total",
    &[],
    "lines",
    "Lines of the log that were not written: it is not read fast enough, or the disk is full. Not told by a program that uses the library.",
);
pub(crate) const FILE_RELOADS: Family = Family::counter(
    "terima_file_reloads_total",
    &["file", "outcome"],
    "reloads",
    "Files beside server.toml that were read again as they had changed. Of outcome reloaded, what they had came into force; failed, it was faulty or could not be read, and what was before holds.",
);
pub(crate) const FILE_STALE: Family = Family::gauge(
    "terima_file_stale",
    &["file"],
    "0 or 1",
    "Whether what is in force is older than the file, as what that has now is faulty or can't be read.",
);
pub(crate) const BUILD_INFO: Family =
    Family::gauge("terima_build_info", &["version", "os", "arch"], "1", "What runs; always 1.");

// === the runtime ===

pub(crate) const RUNTIME_WORKERS: Family =
    Family::gauge("terima_runtime_workers", &[], "threads", "Worker threads of the runtime.");
pub(crate) const RUNTIME_BUSY: Family = Family::counter(
    "terima_runtime_busy_seconds_total",
    &[],
    "seconds",
    "Time in which workers were at work, all of them together: its rate is at most the number of workers.",
);
pub(crate) const RUNTIME_TASKS: Family = Family::gauge(
    "terima_runtime_tasks",
    &[],
    "tasks",
    "Tasks that have not ended: one a connection, one a listening socket, those of handlers.",
);
pub(crate) const RUNTIME_QUEUE: Family = Family::gauge(
    "terima_runtime_global_queue_tasks",
    &[],
    "tasks",
    "Tasks in the queue that the workers share, ready to run. Many for long: the workers do not keep up.",
);

// === the process ===

pub(crate) const OPEN_FDS: Family = Family::gauge(
    "process_open_fds",
    &[],
    "descriptors",
    "Open descriptors; on Windows, handles. Linux, Windows.",
);
pub(crate) const MAX_FDS: Family = Family::gauge(
    "process_max_fds",
    &[],
    "descriptors",
    "The limit on them; not told where there is none. Unix.",
);
pub(crate) const RESIDENT_MEMORY: Family = Family::gauge(
    "process_resident_memory_bytes",
    &[],
    "bytes",
    "Memory of the process that is not swapped out. Linux, Windows.",
);
pub(crate) const CPU: Family = Family::counter(
    "process_cpu_seconds_total",
    &[],
    "seconds",
    "Processor time, in the process and in the system for it.",
);
pub(crate) const START_TIME: Family = Family::gauge(
    "process_start_time_seconds",
    &[],
    "seconds",
    "When the process started, since 1970-01-01 UTC. Linux, Windows.",
);

/// The table, in its parts.
#[cfg(test)]
pub(crate) const TABLE: &[(&str, &[Family])] = &[
    (
        "Connections",
        &[
            ACCEPTED,
            REFUSED,
            ENDED,
            ACTIVE,
            ESTABLISHING,
            LIMIT,
            DURATION,
            ESTABLISH_DURATION,
            ACCESS_DRY_RUN,
        ],
    ),
    ("Traffic", &[RECEIVED_BYTES, SENT_BYTES, RECEIVED_FRAMES, SENT_FRAMES, BUFFERED_BYTES]),
    ("Accepting", &[ACCEPT_ERRORS, ACCEPT_PAUSES, QUEUE, QUEUE_LIMIT, QUEUE_OVERFLOWS, STATE, HEARTBEAT_AGE]),
    ("The service", &[READY, SERVER_LIMIT, LOG_LINES_LOST, FILE_RELOADS, FILE_STALE, BUILD_INFO]),
    ("The runtime", &[RUNTIME_WORKERS, RUNTIME_BUSY, RUNTIME_TASKS, RUNTIME_QUEUE]),
    ("The process", &[OPEN_FDS, MAX_FDS, RESIDENT_MEMORY, CPU, START_TIME]),
];
