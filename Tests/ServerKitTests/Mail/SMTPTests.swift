import ServerKit
import TestKit
import Testing

@Suite struct SMTPTests {
    private func config(_ server: MailServer, tls: Bool = false) -> Config {
        var config = Config()
        config.smtpURL = server.url
        config.smtpTLS = tls
        return config
    }
    private let from = MailAddress(header: "Comptoir <c@example.org>")

    private func send(_ config: Config, to: String = "bob@example.org", text: String = "Hello") async throws {
        guard let from else { throw TestFailure("no sender") }
        let wire = MailMessage(to: to, subject: "Sujet été", text: text, language: "fr").wire(from: from, id: "one", time: 1_700_000_000_000)
        try await SMTP.send(config, to: to, from: from, wire)
    }

    @Test func aMailArrivesAsItWas() async throws {
        let server = try MailServer()
        try await send(config(server), text: "Bonjour à tous\n.\n..two dots\nhttps://x.example/?a=b\n")
        let mail = try #require(server.mails.first)
        #expect(mail.from == "c@example.org" && mail.to == "bob@example.org")
        #expect(mail.body == "Bonjour à tous\n.\n..two dots\nhttps://x.example/?a=b")
        #expect(mail.text.contains("From: Comptoir <c@example.org>\n") && mail.text.contains("Message-ID: <one@example.org>\n"))
        #expect(mail.text.contains("Date: Tue, 14 Nov 2023 22:13:20 +0000\n"))
    }

    @Test func aRefusalForGoodIsToldFromOneForNow() async throws {
        let server = try MailServer { $0.hasPrefix("nobody") ? "550 no such user" : "451 try later" }
        await #expect { try await send(config(server), to: "nobody@example.org") } throws: { if case SMTP.Failure.refused = $0 { true } else { false } }
        await #expect { try await send(config(server), to: "busy@example.org") } throws: { if case SMTP.Failure.temporary = $0 { true } else { false } }
        #expect(server.mails.isEmpty)
    }

    @Test func nothingLeavesInTheClearUnlessTheOperatorSaysSo() async throws {
        let server = try MailServer()
        await #expect(throws: SMTP.Failure.self) { try await send(config(server, tls: true)) }
        #expect(server.mails.isEmpty)
    }

    @Test func aServerThatIsNotThereIsWorthAnotherAttempt() async throws {
        var config = Config()
        config.smtpURL = "smtp://127.0.0.1:1"
        config.smtpTLS = false
        await #expect { try await send(config) } throws: { if case SMTP.Failure.temporary = $0 { true } else { false } }
    }
}
