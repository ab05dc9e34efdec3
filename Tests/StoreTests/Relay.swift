import Glibc
import Store
import Synchronization
import TestKit

/// Stands between the server and PostgreSQL, and breaks the connection at the next COMMIT.
final class Relay: Sendable {
    enum Cut: Sendable { case nothing, beforeCommit, afterCommit }
    private let listener: Listener
    private let state: Cuts
    private final class Cuts: Sendable { let next = Mutex(Cut.nothing) }

    /// The address of the same database through the relay.
    let location: Database.Location

    init(_ location: Database.Location) throws {
        guard case .postgres(let url) = location, let found = url.firstMatch(of: /@127\.0\.0\.1:(\d+)/), let port = UInt16(found.1) else {
            throw TestFailure("no port in the URL")
        }
        let state = Cuts()
        self.state = state
        listener = try Listener { client in
            guard let server = Self.connect(port) else { return }
            Self.carry(client, server, state)
            close(server)
        }
        self.location = .postgres(url: url.replacing("@127.0.0.1:\(port)", with: "@127.0.0.1:\(listener.port)"))
    }

    func cut(_ cut: Cut) { state.next.withLock { $0 = cut } }

    private static func connect(_ port: UInt16) -> Int32? {
        let server = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        let status = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { Glibc.connect(server, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) }
        }
        if status == 0 { return server }
        close(server)
        return nil
    }

    private static func carry(_ client: Int32, _ server: Int32, _ state: Cuts) {
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            var ends = [pollfd(fd: client, events: Int16(POLLIN), revents: 0), pollfd(fd: server, events: Int16(POLLIN), revents: 0)]
            guard poll(&ends, 2, -1) > 0 else { return }
            for (from, to) in [(ends[0], server), (ends[1], client)] where from.revents != 0 {
                let count = recv(from.fd, &buffer, buffer.count, 0)
                guard count > 0 else { return }
                var cut = Cut.nothing
                if from.fd == client, String(decoding: buffer[..<count], as: UTF8.self).contains("COMMIT") {
                    cut = state.next.withLock { next in
                        defer { next = .nothing }
                        return next
                    }
                }
                if cut == .beforeCommit { return }
                guard send(to, buffer, count, Int32(MSG_NOSIGNAL)) == count else { return }
                if cut == .afterCommit {
                    _ = recv(server, &buffer, buffer.count, 0)   // the answer, which nobody hears
                    return
                }
            }
        }
    }
}
