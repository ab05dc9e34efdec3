internal import CPostgres
import Glibc

/// The right of one server to a PostgreSQL database (to its schema): a session's advisory lock on a connection of its own.
///
/// Invariants: the lock ends with the process, however it ends; programs that do not serve (`user`, `backup`) need none and are not held up;
/// a lock that was lost with its connection is taken again as soon as the database answers, and if another server was quicker, `onLoss`
/// is called once. Nothing wakes up between two such events: a thread waits for the socket.
package final class PostgresClaim: Sendable {
    package struct Taken: Error, Sendable {}

    private let worker: Worker

    /// Throws `Taken` when another server has the database.
    package init(url: String, onLoss: @escaping @Sendable () -> Void) throws {
        worker = try Worker(try PostgresAddress(url: url), onLoss)
        guard worker.hasLock else { throw Taken() }
        worker.start()
    }

    package func release() { worker.end() }
    deinit { worker.end() }

    /// All that the thread needs; it is the only one that touches the connection once it runs.
    private final class Worker: @unchecked Sendable {
        private let address: PostgresAddress
        private let onLoss: @Sendable () -> Void
        private var connection: PostgresConnection
        /// Names the session that has or had the lock: the database may still hold on to it when its connection is gone.
        private var session = ""
        private(set) var hasLock = false
        private let ends: (read: Int32, write: Int32)
        private let thread = Monitor<WorkerThread?>(nil)

        init(_ address: PostgresAddress, _ onLoss: @escaping @Sendable () -> Void) throws {
            (self.address, self.onLoss) = (address, onLoss)
            connection = try PostgresConnection(address)
            var pair: [Int32] = [-1, -1]
            guard pipe(&pair) == 0 else { throw StoreError.io("no file descriptors are left") }
            for end in pair { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
            ends = (pair[0], pair[1])
            // A server that has just been killed leaves its lock in a moment.
            for attempt in 0..<30 {
                if try lock() { return }
                if attempt < 29 { usleep(100_000) }
            }
            connection.close()
        }

        deinit {
            close(ends.read)
            close(ends.write)
        }

        func start() { thread.with { $0 = WorkerThread { self.keep() } } }

        func end() {
            guard let thread = thread.with({ thread in
                defer { thread = nil }
                return thread
            }) else { return }
            var byte: UInt8 = 1
            _ = write(ends.write, &byte, 1)
            thread.join()
        }

        private func lock() throws(StoreError) -> Bool {
            // A server at the other end of a dead network must not hold the lock for hours.
            try connection.execute("SET idle_session_timeout = 0; SET tcp_keepalives_idle = 30; SET tcp_keepalives_interval = 5; SET tcp_keepalives_count = 3")
            guard try connection.firstInt(SQL.lock) == 1 else { return false }
            var session = ""
            try connection.rows(SQL.session) { session = $0.text(0) }
            (self.session, hasLock) = (session, true)
            return true
        }

        private func keep() {
            while true {
                guard !waits(on: connection.socket, milliseconds: -1) else { return connection.close() }
                guard !connection.isStillThere() else { continue }
                guard takeAgain() else { return connection.close() }
            }
        }

        /// True when this is the end.
        private func waits(on socket: Int32?, milliseconds: Int32) -> Bool {
            var waiting = [pollfd(fd: ends.read, events: Int16(POLLIN), revents: 0), pollfd(fd: socket ?? -1, events: Int16(POLLIN), revents: 0)]
            while poll(&waiting, 2, milliseconds) < 0, errno == EINTR {}
            return waiting[0].revents != 0
        }

        /// False when this is the end, or when another server has the lock.
        private func takeAgain() -> Bool {
            hasLock = false
            connection.close()
            var refusals = 0, pause: Int32 = 50
            while true {
                do throws(StoreError) {
                    if connection.isLost { connection = try PostgresConnection(address) }
                    if try lock() { return true }
                    refusals += 1
                    _ = try connection.run(SQL.endSession, [session])
                    if refusals > 30 {
                        onLoss()
                        return false
                    }
                    pause = 100
                } catch {
                    // The database does not answer: the writer's errors say so already.
                    pause = min(pause * 2, 1_000)
                }
                if waits(on: nil, milliseconds: pause) { return false }
            }
        }
    }

    /// The lock is of the database, and its second number of the schema that the connection works in.
    private enum SQL {
        static let lock = "SELECT CASE WHEN pg_try_advisory_lock(4851232, hashtext(current_schema())) THEN 1 ELSE 0 END"
        static let session = "SELECT CAST(pid AS TEXT) || ' ' || CAST(backend_start AS TEXT) FROM pg_stat_activity WHERE pid = pg_backend_pid()"
        static let endSession = """
            SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() \
            AND CAST(pid AS TEXT) || ' ' || CAST(backend_start AS TEXT) = ?
            """
    }
}
