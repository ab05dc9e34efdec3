@testable import ServerKit
import TestKit
import Testing

/// Whom the server talks to over TLS must show a certificate that an authority of this machine has signed.
@Suite struct CertificateTests {
    private func failure(_ send: () async throws -> OutboundResponse) async -> OutboundError? {
        do { _ = try await send() } catch { return error as? OutboundError }
        return nil
    }

    /// The rule that requests on behalf of users go by, here with an address that the guard lets pass.
    @Test func anUnknownCertificateIsRefused() async throws {
        let server = try TLSServer(), loop = CurlLoop()
        defer { loop.stop() }
        for rule in [CurlTransfer.Rule.openOrLoopback, .anywhere] {
            let error = await failure { try await loop.run(OutboundRequest("GET", server.url), rule) }
            guard case .unreachable(let why) = error else { Issue.record("\(rule): \(String(describing: error))"); continue }
            #expect(why.lowercased().contains("certificate") || why.lowercased().contains("ssl"), "\(why)")
        }
        #expect(try await loop.run(OutboundRequest("GET", server.url), .onlyLoopback).status == 200)
    }

    /// Addresses of the operator may be in a private network, and are verified all the same.
    @Test func trustDoesNotMeanAnyCertificate() async throws {
        let server = try TLSServer(), strict = CurlOutbound()
        guard case .unreachable = await failure({ try await strict.send(OutboundRequest("GET", server.url, isTrusted: true)) }) else { Issue.record("it was taken"); return }
        guard case .refused = await failure({ try await strict.send(OutboundRequest("GET", server.url)) }) else { Issue.record("loopback was let through"); return }
    }

    @Test func theSwitchForTestsLetsLoopbackPass() async throws {
        let server = try TLSServer(), lenient = CurlOutbound(allowsLoopback: true)
        for isTrusted in [false, true] { #expect(try await lenient.send(OutboundRequest("GET", server.url, isTrusted: isTrusted)).status == 200) }
    }
}
