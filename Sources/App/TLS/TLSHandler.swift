internal import CTLS
import Glibc
import NIOCore
import ServerKit
import Synchronization

/// TLS in front of a connection's other handlers: what it hands on and takes is plain.
///
/// Invariants: nothing of a client is handed on before its handshake is complete; a handshake that takes too long, and one too many at a time,
/// ends the connection; a file is encrypted piece by piece, as fast as the client takes it.
final class TLSHandler: ChannelDuplexHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer
    typealias OutboundIn = IOData
    typealias OutboundOut = IOData

    static let handshakeTimeout = TimeAmount.seconds(10)
    static let mostHandshakes = 2_000
    /// What somebody reads who has typed http://. The doctor knows the server by it.
    static let refusal = "This address of Comptoir speaks HTTPS: use https:// instead of http://."
    private static let piece = 64 << 10

    private enum State { case new, handshake, open, closed }
    private var state = State.new
    private let files: TLSFiles
    private let metrics: Metrics
    private var tls: OpaquePointer?
    private var timer: Scheduled<Void>?
    private var isPumping = false
    private var isFirst = true
    private var writes = CircularBuffer<(data: IOData, promise: EventLoopPromise<Void>?)>()
    /// An end of the output that waits for the writes before it.
    private var ending: EventLoopPromise<Void>??

    init(files: TLSFiles, metrics: Metrics) { (self.files, self.metrics) = (files, metrics) }
    deinit { if let tls { comptoir_tls_free(tls) } }

    func handlerAdded(context: ChannelHandlerContext) { if context.channel.isActive { begin(context) } }
    func handlerRemoved(context: ChannelHandlerContext) { close(ChannelError.ioOnClosedChannel) }

    func channelActive(context: ChannelHandlerContext) {
        begin(context)
        context.fireChannelActive()
    }

    func channelInactive(context: ChannelHandlerContext) {
        close(ChannelError.ioOnClosedChannel)
        context.fireChannelInactive()
    }

    private func begin(_ context: ChannelHandlerContext) {
        guard case .new = state else { return }
        state = .handshake
        tls = comptoir_tls_accept(files.identity.pointer)
        let open = files.handshakes.add(1, ordering: .relaxed).newValue
        guard tls != nil, open <= Self.mostHandshakes else { return context.close(promise: nil) }
        let me = NIOLoopBound(self, eventLoop: context.eventLoop), bound = NIOLoopBound(context, eventLoop: context.eventLoop)
        timer = context.eventLoop.scheduleTask(in: Self.handshakeTimeout) { me.value.fail(bound.value) }
    }

    /// The handshake is over, well or not.
    private func leaveHandshake() {
        guard case .handshake = state else { return }
        files.handshakes.subtract(1, ordering: .relaxed)
        timer?.cancel()
        timer = nil
    }

    private func close(_ error: any Error) {
        leaveHandshake()
        state = .closed
        for write in writes { write.promise?.fail(error) }
        writes.removeAll()
        if case .some(let promise) = ending { promise?.fail(error) }
        ending = nil
    }

    private func fail(_ context: ChannelHandlerContext) {
        if case .handshake = state { metrics.add(.tlsFailures) }
        send(context, nil)   // an alert says why
        context.flush()
        close(ChannelError.ioOnClosedChannel)
        context.close(promise: nil)
    }

    // MARK: reading

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard let tls else { return }
        let buffer = unwrapInboundIn(data)
        if isFirst, buffer.readableBytesView.first.map({ (0x41...0x5A).contains($0) }) == true { return speakPlainly(context) }
        isFirst = false
        guard buffer.withUnsafeReadableBytes({ comptoir_tls_feed(tls, $0.baseAddress, $0.count) }) == 1 else { return fail(context) }
        if case .handshake = state {
            let reached = comptoir_tls_handshake(tls)
            guard reached == comptoir_tls_done.rawValue else {
                if reached == comptoir_tls_wants_more.rawValue {
                    send(context, nil)
                    context.flush()
                } else {
                    fail(context)
                }
                return
            }
            leaveHandshake()
            state = .open
            pump(context)
        }
        while case .open = state {
            var plain = context.channel.allocator.buffer(capacity: 16 << 10)
            var reached: Int32 = 0
            plain.writeWithUnsafeMutableBytes(minimumWritableBytes: 16 << 10) { room in
                var count = 0
                reached = comptoir_tls_read(tls, room.baseAddress, room.count, &count)
                return count
            }
            if reached == comptoir_tls_done.rawValue { context.fireChannelRead(wrapInboundOut(plain)); continue }
            send(context, nil)   // an answer to a change of keys
            context.flush()
            if reached == comptoir_tls_ended.rawValue { context.close(promise: nil) }
            if reached == comptoir_tls_failed.rawValue { fail(context) }
            break
        }
    }

    /// Somebody has typed http:// before an address that speaks https.
    private func speakPlainly(_ context: ChannelHandlerContext) {
        leaveHandshake()
        state = .closed
        let text = Self.refusal + "\n"
        let answer = "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nContent-Length: \(text.utf8.count)\r\nConnection: close\r\n\r\n" + text
        context.writeAndFlush(wrapOutboundOut(.byteBuffer(ByteBuffer(string: answer))), promise: nil)
        context.close(promise: nil)
    }

    // MARK: writing

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        if case .closed = state { promise?.fail(ChannelError.ioOnClosedChannel) } else { writes.append((unwrapOutboundIn(data), promise)) }
    }

    func flush(context: ChannelHandlerContext) {
        pump(context)
        context.flush()
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if context.channel.isWritable, !writes.isEmpty {
            pump(context)
            context.flush()
        }
        context.fireChannelWritabilityChanged()
    }

    /// Encrypts what waits. Of a file only so much as the client has room for; the rest when it has.
    private func pump(_ context: ChannelHandlerContext) {
        guard case .open = state, let tls, !isPumping else { return }
        isPumping = true
        defer { isPumping = false }
        while let (data, promise) = writes.first {
            switch data {
            case .byteBuffer(let buffer):
                writes.removeFirst()
                guard buffer.withUnsafeReadableBytes({ comptoir_tls_write(tls, $0.baseAddress, $0.count) }) == 1 else {
                    promise?.fail(ChannelError.ioOnClosedChannel)
                    return fail(context)
                }
                send(context, promise)
            case .fileRegion(var region):
                while region.readableBytes > 0 {
                    guard context.channel.isWritable else {
                        writes[writes.startIndex].data = .fileRegion(region)
                        context.flush()
                        // Flushing may have made room again without a word, for we are in the middle of this.
                        if context.channel.isWritable { continue }
                        return
                    }
                    guard let count = encrypt(region, tls) else {
                        writes.removeFirst()
                        promise?.fail(IOError(errnoCode: EIO, reason: "a file cannot be read"))
                        return fail(context)
                    }
                    region.moveReaderIndex(forwardBy: count)
                    if region.readableBytes > 0 { send(context, nil) }
                }
                writes.removeFirst()
                send(context, promise)
            }
            guard case .open = state else { return }
        }
        if case .some(let promise) = ending {
            ending = nil
            comptoir_tls_end(tls)
            send(context, nil)
            context.flush()
            context.close(mode: .output, promise: promise)
        }
    }

    /// Reads and encrypts one piece of a file; nil when it cannot be read.
    private func encrypt(_ region: FileRegion, _ tls: OpaquePointer) -> Int? {
        let wanted = min(Self.piece, region.readableBytes)
        return withUnsafeTemporaryAllocation(byteCount: wanted, alignment: 16) { room in
            let count = try? region.fileHandle.withUnsafeFileDescriptor { pread($0, room.baseAddress, wanted, off_t(region.readerIndex)) }   // nil as the failure it is
            guard let count, count > 0, comptoir_tls_write(tls, room.baseAddress, count) == 1 else { return nil }
            return count
        }
    }

    /// Hands what is encrypted to the socket.
    private func send(_ context: ChannelHandlerContext, _ promise: EventLoopPromise<Void>?) {
        guard let tls else { return }
        var bytes: UnsafeRawPointer?
        let count = comptoir_tls_output(tls, &bytes)
        var out = context.channel.allocator.buffer(capacity: count)
        out.writeBytes(UnsafeRawBufferPointer(start: bytes, count: count))
        comptoir_tls_sent(tls)
        if count > 0 || promise != nil { context.write(wrapOutboundOut(.byteBuffer(out)), promise: promise) }
    }

    // MARK: closing

    func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
        switch (mode, state) {
        case (.output, .open):
            ending = .some(promise)
            pump(context)
        case (.all, .open):
            if let tls { comptoir_tls_end(tls) }
            send(context, nil)
            context.flush()
            close(ChannelError.ioOnClosedChannel)
            context.close(mode: mode, promise: promise)
        default:
            context.close(mode: mode, promise: promise)
        }
    }
}
