import Glibc
import Store

/// A socket that listens on a free loopback port, with a thread a connection. It ends with its last reference.
package final class Listener: Sendable {
    package let port: Int
    private let descriptor: Int32

    /// - Parameter serve: speaks with one client, on a thread of its own; the connection is closed when it returns.
    package init(_ serve: @escaping @Sendable (Int32) -> Void) throws {
        let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard listener >= 0 else { throw TestFailure("no socket: \(errno)") }
        descriptor = listener
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let bound = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(listener, $0, length) == 0 && listen(listener, 64) == 0 && getsockname(listener, $0, &length) == 0 }
        }
        guard bound else { throw TestFailure("cannot listen: \(errno)") }
        port = Int(UInt16(bigEndian: address.sin_port))
        WorkerThread {
            while true {
                let client = accept(listener, nil, nil)
                if client < 0 { break }
                WorkerThread {
                    serve(client)
                    close(client)
                }.detach()
            }
        }.detach()
    }
    deinit { shutdown(descriptor, Int32(SHUT_RDWR)); close(descriptor) }
}
