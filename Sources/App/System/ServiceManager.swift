import Glibc

/// Tells the service manager how far the server is (systemd with `Type=notify`, or another that speaks its protocol; sd_notify(3)).
///
/// Invariant: without one nothing happens, and one that does not listen holds nothing up.
package enum ServiceManager {
    package enum State: String, Sendable {
        case ready = "READY=1"
        case ending = "STOPPING=1"
    }

    package static func tell(_ state: State) {
        guard let place = getenv("NOTIFY_SOCKET").map({ Array(String(cString: $0).utf8) }), let first = place.first, first == UInt8(ascii: "/") || first == UInt8(ascii: "@") else { return }
        var address = sockaddr_un()
        guard place.count < MemoryLayout.size(ofValue: address.sun_path) else { return }
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { path in
            path.copyBytes(from: place)
            if first == UInt8(ascii: "@") { path[0] = 0 }   // a name that lies in no directory
        }
        let line = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue) | Int32(SOCK_NONBLOCK.rawValue), 0)
        guard line >= 0 else { return }
        defer { close(line) }
        let text = Array(state.rawValue.utf8), length = MemoryLayout<sa_family_t>.size + place.count
        withUnsafePointer(to: address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { _ = sendto(line, text, text.count, Int32(MSG_NOSIGNAL), $0, socklen_t(length)) }
        }
    }
}
