import Glibc
@testable import ServerKit
import Synchronization
import TestKit
import Testing

@Suite struct CurlOutboundTests {
    private let client = CurlOutbound(allowsLoopback: true)

    private func failure(_ client: CurlOutbound, _ request: OutboundRequest) async -> OutboundError? {
        do { _ = try await client.send(request) } catch { return error as? OutboundError }
        return nil
    }

    @Test func methodHeadersAndBodyArriveAndTheAnswerComesBack() async throws {
        let server = try LocalServer { _ in .init(201, headers: [("X-Test", " a: b ")], body: Array("done".utf8)) }
        for method in ["POST", "PUT", "DELETE", "PATCH"] {
            let answer = try await client.send(OutboundRequest(method, server.url + "/a?b=c", headers: [("X-One", "1"), ("X-Empty", "")], body: Array("body".utf8)))
            #expect(answer.status == 201 && answer.body == Array("done".utf8) && answer.url == server.url + "/a?b=c")
            #expect(answer.headers["x-test"] == "a: b")
            let call = try #require(server.calls.last)
            #expect(call.method == method && call.path == "/a?b=c" && call.body == Array("body".utf8))
            #expect(call.headers["X-One"] == "1" && call.headers["X-Empty"] == "" && call.headers["Content-Type"] == nil && call.headers["Expect"] == nil)
        }
        let get = try await client.send(OutboundRequest("GET", server.url))
        #expect(get.status == 201)
        let head = try await client.send(OutboundRequest("HEAD", server.url))
        #expect(head.status == 201 && head.body.isEmpty)
        let empty = try await client.send(OutboundRequest("POST", server.url))
        #expect(empty.status == 201 && server.calls.last?.headers["Content-Length"] == "0")
        #expect(server.calls.suffix(3).map(\.method) == ["GET", "HEAD", "POST"])
    }

    @Test func statusesAreAnswersNotErrors() async throws {
        let server = try LocalServer { .init($0.path == "/404" ? 404 : 500) }
        #expect(try await client.send(OutboundRequest("GET", server.url + "/404")).status == 404)
        #expect(try await client.send(OutboundRequest("GET", server.url + "/")).status == 500)
    }

    /// Nobody is answered before all have asked: one after the other they would never end.
    @Test func manyRequestsRunAtOnce() async throws {
        let arrived = Mutex(0)
        let server = try LocalServer { _ in
            arrived.withLock { $0 += 1 }
            while arrived.withLock({ $0 }) < 12 { usleep(1000) }
            return .init()
        }
        let client = client
        try await withThrowingTaskGroup(of: Int.self) { group in
            for _ in 0..<12 { group.addTask { try await client.send(OutboundRequest("GET", server.url)).status } }
            for try await status in group { #expect(status == 200) }
        }
    }

    @Test func loopbackIsRefusedUnlessAllowedOrTrusted() async throws {
        let server = try LocalServer()
        let strict = CurlOutbound()
        for url in [server.url, "http://localhost:\(server.port)", "http://[::ffff:127.0.0.1]:\(server.port)", "http://2130706433:\(server.port)", "http://0x7f.1:\(server.port)"] {
            let error = await failure(strict, OutboundRequest("GET", url))
            guard case .refused = error else { Issue.record("\(url): \(String(describing: error))"); continue }
        }
        #expect(server.calls.isEmpty)
        #expect(try await strict.send(OutboundRequest("GET", server.url, isTrusted: true)).status == 200)
        // The connection of the trusted request stays open, and must not serve the other.
        guard case .refused = await failure(strict, OutboundRequest("GET", server.url)) else { Issue.record("a pooled connection was reused"); return }
        #expect(try await client.send(OutboundRequest("GET", server.url)).status == 200)
    }

    @Test func privateNetworksAreRefusedEvenWhereLoopbackIsAllowed() async {
        for url in ["http://10.0.0.1/", "http://192.168.0.1:8080/", "http://169.254.169.254/latest/meta-data", "http://[fd00::1]/", "http://0.0.0.0:1/", "https://[64:ff9b::a00:1]/"] {
            guard case .refused = await failure(client, OutboundRequest("GET", url, timeout: 5000)) else { Issue.record("\(url) was not refused"); continue }
        }
    }

    @Test func redirectsAreFollowedOnlyWhenAskedForAndGuarded() async throws {
        let server = try LocalServer { call in
            switch call.path {
            case "/inside": .init(302, headers: [("Location", "http://10.0.0.1/")])
            case "/file": .init(302, headers: [("Location", "file:///etc/passwd")])
            case "/loop": .init(302, headers: [("Location", "/loop")])
            case "/go": .init(302, headers: [("Location", "/there")], body: Array("moved".utf8))
            default: .init(body: Array(call.path.utf8))
            }
        }
        #expect(try await client.send(OutboundRequest("GET", server.url + "/go")).status == 302)
        let there = try await client.send(OutboundRequest("GET", server.url + "/go", maxRedirects: 3))
        #expect(there.status == 200 && there.url == server.url + "/there" && there.body == Array("/there".utf8))
        for path in ["/inside", "/loop", "/file"] {
            switch await failure(client, OutboundRequest("GET", server.url + path, timeout: 5000, maxRedirects: 3)) {
            case .refused, .invalidURL: break
            case let error: Issue.record("\(path): \(String(describing: error))")
            }
        }
    }

    @Test func limitsOfTimeAndSizeHold() async throws {
        let server = try LocalServer { call in call.path == "/slow" ? .init(delay: 3000) : .init(body: Array(repeating: 65, count: 5000)) }
        #expect(await failure(client, OutboundRequest("GET", server.url + "/slow", timeout: 200)) == .timeout)
        #expect(await failure(client, OutboundRequest("GET", server.url, maxBytes: 4999)) == .tooLarge)
        #expect(try await client.send(OutboundRequest("GET", server.url, maxBytes: 5000)).body.count == 5000)
    }

    @Test func brokenConnectionsAreUnreachable() async throws {
        let server = try LocalServer { _ in .hangUp }
        for url in [server.url, "http://127.0.0.1:1/", "https://127.0.0.1:\(server.port)/"] {
            guard case .unreachable = await failure(client, OutboundRequest("GET", url, timeout: 5000)) else { Issue.record("\(url) was reached"); continue }
        }
    }

    @Test(arguments: ["", "nonsense://x", "ftp://127.0.0.1/", "file:///etc/passwd", "http://", "http://user:pass@127.0.0.1/", "http://a b/", "http://a\r\nX: y/", "gopher://127.0.0.1", "/path"])
    func badAddressesAreRefused(_ url: String) async { #expect(await failure(client, OutboundRequest("GET", url)) == .invalidURL(url)) }

    @Test func headersCannotSmuggleLines() async {
        for header in [("X", "a\r\nY: b"), ("X\n", "a"), ("X: y", "a"), ("", "a")] {
            guard case .refused = await failure(client, OutboundRequest("GET", "http://127.0.0.1:1", headers: [(header.0, header.1)])) else { Issue.record("\(header)"); continue }
        }
        guard case .refused = await failure(client, OutboundRequest("GET /x HTTP/1.1\r\n", "http://127.0.0.1:1")) else { Issue.record("method"); return }
    }

    @Test func aCancelledTaskGetsNoAnswer() async throws {
        let server = try LocalServer { _ in .init(delay: 5000) }
        let client = client
        let task = Task { try await client.send(OutboundRequest("GET", server.url)) }
        while server.calls.isEmpty { try await Task.sleep(for: .milliseconds(5)) }
        task.cancel()
        await #expect(throws: CancellationError.self) { _ = try await task.value }
        let early = Task { () async throws -> Int in
            while !Task.isCancelled { await Task.yield() }
            return try await client.send(OutboundRequest("GET", server.url)).status
        }
        early.cancel()
        await #expect(throws: CancellationError.self) { _ = try await early.value }
    }
}
