@testable import App
import Glibc
import Logging
import Synchronization
import TestKit
import Testing

@Suite struct TLSIdentityTests {
    /// Makes `NAME.pem` and `NAME.key`.
    static func make(_ name: String, in directory: String, kind: String = "ec -pkeyopt ec_paramgen_curve:prime256v1", days: Int = 30) throws {
        let command = """
            openssl req -x509 -newkey \(kind) -nodes -keyout \(directory)/\(name).key -out \(directory)/\(name).pem -days \(days) \
            -subj /CN=\(name).example -addext subjectAltName=DNS:\(name).example,DNS:*.sub.example,IP:127.0.0.1 2>/dev/null
            """
        try #require(system(command) == 0)
    }
    private func with(_ body: (String) throws -> Void) throws {
        let directory = try temporaryDirectory()
        defer { removeDirectory(directory) }
        for name in ["one", "two"] { try Self.make(name, in: directory) }
        try body(directory)
    }
    private func refusal(_ directory: String, _ certificate: String, _ key: String) -> String {
        do {
            _ = try TLSIdentity(certificate: directory + "/" + certificate, key: directory + "/" + key)
            return "taken"
        } catch { return "\(error)" }
    }

    @Test func aPairIsTakenAndTellsWhoseItIs() throws {
        try with { directory in
            let identity = try TLSIdentity(certificate: directory + "/one.pem", key: directory + "/one.key")
            #expect(identity.ends - identity.begins == 30 * 86_400)
            #expect(abs(identity.begins - Int64(time(nil))) < 600)
            for host in ["one.example", "a.sub.example", "127.0.0.1"] { #expect(identity.fits(host: host), "\(host)") }
            for host in ["two.example", "sub.example", "a.b.sub.example", "127.0.0.2", ""] { #expect(!identity.fits(host: host), "\(host)") }
            try Self.make("rsa", in: directory, kind: "rsa:2048")
            _ = try TLSIdentity(certificate: directory + "/rsa.pem", key: directory + "/rsa.key")
        }
    }

    @Test func whatCannotBeUsedIsRefusedWithTheReason() throws {
        try with { directory in
            let chain = try Files.read(directory + "/one.pem", max: 1 << 20)
            try put("no certificate", directory + "/text.pem")
            try put("", directory + "/empty.pem")
            try put(Array(chain.prefix(chain.count / 2)), directory + "/half.pem")
            try put(chain + Array(chain.prefix(chain.count / 2)), directory + "/onehalf.pem")
            #expect(system("openssl ec -in \(directory)/one.key -aes128 -passout pass:x -out \(directory)/locked.key 2>/dev/null") == 0)
            for certificate in ["text.pem", "empty.pem", "half.pem", "onehalf.pem", "one.key"] {
                #expect(refusal(directory, certificate, "one.key").contains("holds no certificate chain"), "\(certificate)")
            }
            for key in ["text.pem", "empty.pem", "one.pem"] { #expect(refusal(directory, "one.pem", key).contains("holds no private key"), "\(key)") }
            #expect(refusal(directory, "one.pem", "locked.key").contains("passphrase"))
            #expect(refusal(directory, "one.pem", "two.key").contains("does not belong to the certificate"))
            #expect(refusal(directory, "none.pem", "one.key").contains("none.pem cannot be read: No such file"))
            #expect(refusal(directory, "one.pem", "none.key").contains("The key"))
            // A chain of two is fine.
            try put(chain + (try Files.read(directory + "/two.pem", max: 1 << 20)), directory + "/chain.pem")
            #expect(refusal(directory, "chain.pem", "one.key") == "taken")
            #expect(refusal(directory, "chain.pem", "two.key").contains("does not belong"))
        }
    }

    @Test func filesAreReadAgainWhenTheyChangeAndTheOldOneStaysWhenTheyCannotBeUsed() throws {
        try with { directory in
            for kind in ["pem", "key"] { try put(try Files.read(directory + "/one." + kind, max: 1 << 20), directory + "/live." + kind) }
            let said = Said()
            let log = Logger(label: "test") { _ in Recorder(said: said) }
            let files = try TLSFiles(certificate: directory + "/live.pem", key: directory + "/live.key")
            func look(always: Bool = false) { files.refresh(always: always, now: 0, log) }
            let first = files.identity
            look()
            #expect(files.identity === first && said.all.isEmpty)

            // The certificate comes before its key: in between, the old pair serves, and it is said once.
            try put(try Files.read(directory + "/two.pem", max: 1 << 20), directory + "/next")
            #expect(rename(directory + "/next", directory + "/live.pem") == 0)
            for _ in 0..<3 { look() }
            #expect(files.identity === first)
            #expect(said.all == ["the new certificate cannot be used, the old one stays"])
            look(always: true)
            #expect(said.all.count == 2, "who asks is answered")
            try put(try Files.read(directory + "/two.key", max: 1 << 20), directory + "/live.key")
            look()
            #expect(files.identity !== first && files.identity.fits(host: "two.example"))
            #expect(said.all.last == "the certificate was read again")

            let second = files.identity
            unlink(directory + "/live.key")
            look()
            #expect(files.identity === second && said.all.count == 4)
            // The files of before come back: nothing has changed for connections, and nothing is said twice.
            try put(try Files.read(directory + "/two.key", max: 1 << 20), directory + "/live.key")
            look()
            #expect(files.identity.fits(host: "two.example"))
        }
    }

    @Test func whereSomebodyWithPlainHTTPIsSent() {
        func sent(_ path: String, _ host: String?, to target: String? = nil, port: Int = 443) -> String? {
            RedirectServer.location(path, host: host, target: target, securePort: port)
        }
        #expect(sent("/a?b=c", "shop.example") == "https://shop.example/a?b=c")
        #expect(sent("/", "shop.example:80", port: 8443) == "https://shop.example:8443/")
        #expect(sent("/", "[::1]:80") == "https://[::1]/")
        #expect(sent("//evil.example/", "shop.example") == "https://shop.example//evil.example/")
        #expect(sent("/x", "evil.example", to: "https://chat.shop.example") == "https://chat.shop.example/x")
        for (path, host) in [("/", nil), ("/", "a b"), ("/", "a/b"), ("/", "user@host"), ("http://evil.example/", "shop.example"), ("*", "shop.example"), ("/a\r\nX: y", "shop.example")] {
            #expect(sent(path, host) == nil, "\(path)")
        }
    }

    private final class Said: Sendable {
        private let list = Mutex<[String]>([])
        var all: [String] { list.withLock { $0 } }
        func add(_ text: String) { list.withLock { $0.append(text) } }
    }
    private struct Recorder: LogHandler {
        let said: Said
        var metadata: Logger.Metadata = [:]
        var logLevel = Logger.Level.trace
        subscript(metadataKey key: String) -> Logger.Metadata.Value? { get { nil } set {} }
        func log(event: LogEvent) { said.add("\(event.message)") }
    }
}
