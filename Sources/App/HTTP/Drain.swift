import Glibc
import NIOCore

/// Told to each connection when the server ends: one that waits for a request closes, one that is busy closes behind its answer.
struct Drain {}

/// Knows the connections of a listening socket, to let them end. On the socket's own event loop.
final class OpenConnections: ChannelInboundHandler, Sendable {
    typealias InboundIn = any Channel
    typealias InboundOut = any Channel

    private let channels: NIOLoopBoundBox<[ObjectIdentifier: any Channel]>
    private let loop: any EventLoop

    init(loop: any EventLoop) {
        self.loop = loop
        channels = NIOLoopBoundBox.makeBoxSendingValue([:], eventLoop: loop)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let channel = unwrapInboundIn(data), id = ObjectIdentifier(channel)
        channels.value[id] = channel
        channel.closeFuture.hop(to: loop).whenComplete { [channels] _ in channels.value[id] = nil }
        context.fireChannelRead(data)
    }

    /// Tells all of them that this is the end.
    func drain() async throws { try await loop.submit { [channels] in for channel in channels.value.values { channel.pipeline.fireUserInboundEventTriggered(Drain()) } }.get() }

    var count: Int { get async throws { try await loop.submit { [channels] in channels.value.count }.get() } }
}

/// A listening socket that the service manager opened before the server started, and that stays when it ends: who connects in between waits.
/// https://www.freedesktop.org/software/systemd/man/latest/sd_listen_fds.html
enum SocketActivation {
    static let first: Int32 = 3

    /// The socket, once; nil when the server has to open one itself.
    static func take() -> Int32? {
        func number(_ name: String) -> Int? { getenv(name).flatMap { Int(String(cString: $0)) } }
        defer { for name in ["LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"] { unsetenv(name) } }
        guard number("LISTEN_PID") == Int(getpid()), let count = number("LISTEN_FDS"), count > 0 else { return nil }
        var listening: Int32 = 0, size = socklen_t(MemoryLayout<Int32>.size)
        guard getsockopt(first, SOL_SOCKET, SO_ACCEPTCONN, &listening, &size) == 0, listening == 1, fcntl(first, F_SETFD, FD_CLOEXEC) == 0 else { return nil }
        return first
    }
}

/// Lets the system drop what comes to a listening socket, and only that: connections that it has completed are still accepted, and newcomers try again
/// a second later. Closing the socket at once would break the connections that wait to be accepted.
/// https://www.kernel.org/doc/html/latest/networking/filter.html
enum Newcomers {
    /// The system's `sock_fprog`, which can be handed to an event loop.
    private struct Program: Sendable {
        var length: UInt16 = 1
        var filter: UInt
    }
    /// One `sock_filter`: `BPF_RET | BPF_K` with the constant 0, "keep no byte".
    private static let dropAll: UInt64 = 6

    static func drop(_ channel: any Channel) async {
        guard let socket = channel as? any SocketOptionProvider else { return }
        let filter = UnsafeMutablePointer<UInt64>.allocate(capacity: 1)
        filter.initialize(to: dropAll)
        defer { filter.deallocate() }
        let program = Program(filter: UInt(bitPattern: filter))
        try? await socket.unsafeSetSocketOption(level: .socket, name: .init(rawValue: SO_ATTACH_FILTER), value: program).get()   // without it a newcomer may be cut off
    }
}
