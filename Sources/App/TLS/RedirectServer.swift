import MatrixCore
import NIOCore
import NIOHTTP1
import NIOPosix

/// Sends everybody who comes by plain HTTP to the https address: the page, its query and nothing else.
final class RedirectServer: Sendable {
    private let group: MultiThreadedEventLoopGroup
    private let channel: any Channel
    let port: Int

    /// `target`: scheme and host to send to; nil takes the host that the client asked for, with `securePort`.
    static func start(host: String, port: Int, target: String?, securePort: Int) async throws -> RedirectServer {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        do {
            let channel = try await ServerBootstrap(group: group)
                .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
                .childChannelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture {
                        let decoder = ByteToMessageHandler(HTTPRequestDecoder(leftOverBytesStrategy: .dropBytes))
                        try channel.pipeline.syncOperations.addHandlers(decoder, Handler(target: target, securePort: securePort))
                    }
                }
                .bind(host: host, port: port).get()
            return RedirectServer(group: group, channel: channel)
        } catch {
            try? await group.shutdownGracefully()   // the bind's error is what counts
            throw ListenFailure("\(host):\(port)", error)
        }
    }

    private init(group: MultiThreadedEventLoopGroup, channel: any Channel) {
        self.group = group; self.channel = channel
        port = channel.localAddress?.port ?? 0
    }

    func stop() async { try? await group.shutdownGracefully() }   // nothing here can be lost

    /// Where a request for `path` goes; nil when it cannot be told.
    static func location(_ path: String, host: String?, target: String?, securePort: Int) -> String? {
        guard path.first == "/", path.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else { return nil }
        if let target { return target + path }
        guard let host, let name = ServerName(rawValue: host)?.rawValue else { return nil }
        let bare = name.last == "]" ? name[...] : name.lastIndex(of: ":").map { name[..<$0] } ?? name[...]
        return "https://\(bare)\(securePort == 443 ? "" : ":\(securePort)")\(path)"
    }

    private final class Handler: ChannelInboundHandler {
        typealias InboundIn = HTTPServerRequestPart
        typealias OutboundOut = ByteBuffer
        private let target: String?
        private let securePort: Int
        private var timer: Scheduled<Void>?

        init(target: String?, securePort: Int) { (self.target, self.securePort) = (target, securePort) }

        func channelActive(context: ChannelHandlerContext) {
            timer = context.eventLoop.assumeIsolated().scheduleTask(in: .seconds(10)) { context.close(promise: nil) }
            context.fireChannelActive()
        }
        func channelInactive(context: ChannelHandlerContext) { timer?.cancel() }
        func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            guard case .head(let head) = unwrapInboundIn(data) else { return }
            let location = RedirectServer.location(head.uri, host: head.headers.first(name: "host"), target: target, securePort: securePort)
            let status = location.map { "308 Permanent Redirect\r\nLocation: \($0)" } ?? "400 Bad Request"
            let answer = ByteBuffer(string: "HTTP/1.1 \(status)\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            context.writeAndFlush(wrapOutboundOut(answer)).assumeIsolated().whenComplete { _ in context.close(promise: nil) }
        }
    }
}
