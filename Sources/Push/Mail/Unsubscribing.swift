import MatrixCore
import ServerKit
import Store

/// The way out of mails, without signing in: a page for people, and one click for mail programs. https://www.rfc-editor.org/rfc/rfc8058
///
/// Invariant: only a POST changes anything, because programs that look at mails open links.
extension Push {
    var unsubscribeRoutes: [Route] {
        [
            Route(.get, Unsubscribing.path, auth: .none, ask),
            Route(.post, Unsubscribing.path, auth: .none, body: .collected(max: 8192), stop),
        ]
    }

    private func ask(_ request: Request, _ c: Context) async throws -> Response {
        let isFrench = request.language == "fr"
        guard try await !pushers(request, c).isEmpty else { return Self.nothing(request) }
        let address = Unsubscribing.path + "?" + Unsubscribing.query(user: request.query["user"] ?? "", token: request.query["token"] ?? "")
        return Page(isFrench ? "E-mails sur les messages non lus" : "Mails about unread messages", language: request.language, [
            .text(isFrench ? "Voulez-vous ne plus recevoir d’e-mails sur les messages non lus ?" : "Do you want no more mails about unread messages?"),
            .form(isFrench ? "Ne plus en recevoir" : "Stop them", action: address, fields: []),
        ]).response()
    }

    private func stop(_ request: Request, _ c: Context) async throws -> Response {
        let found = try await pushers(request, c), watch = watch, isFrench = request.language == "fr"
        guard let user = found.first?.user else { return Self.nothing(request) }
        try await c.db.write { tx in
            for pusher in found { try Pushers.delete(tx, pusher) }
            try Pushers.tidy(tx, watch, user: user)
        }
        return Page(isFrench ? "C’est fait" : "Done", language: request.language, [
            .text(isFrench ? "Vous ne recevrez plus ces e-mails. Vous pouvez les demander de nouveau dans votre application."
                : "You will get no more of these mails. You can ask for them again in your app."),
        ]).response()
    }

    /// The pushers that the link is about; none when it is not genuine.
    private func pushers(_ request: Request, _ c: Context) async throws -> [Pusher] {
        guard let user = request.query["user"].flatMap({ UserID(rawValue: $0) }), let token = request.query["token"], watch.hasPusher(user) else { return [] }
        return try await c.db.read { tx in try Pushers.all(tx, of: user) }
            .filter { $0.kind == .email && constantTimeEqual(Array(token.utf8), Array(Unsubscribing.token(c, $0).utf8)) }
    }

    /// The same for links that were used and for forged ones.
    private static func nothing(_ request: Request) -> Response {
        let isFrench = request.language == "fr"
        return Page(isFrench ? "Rien à faire" : "Nothing to do", language: request.language,
                    [.text(isFrench ? "Ce lien ne correspond à aucun envoi d’e-mails en cours." : "No mails are sent because of this link.")]).response(404)
    }
}

enum Unsubscribing {
    static let path = "/_comptoir/push/unsubscribe"

    static func link(_ c: Context, _ pusher: Pusher) -> String {
        let base = c.config.publicURL ?? "http://\(c.config.listenHost):\(c.config.listenPort)"
        return base + path + "?" + query(user: pusher.user.rawValue, token: token(c, pusher))
    }
    static func query(user: String, token: String) -> String { "user=\(Percent.encode(user))&token=\(Percent.encode(token))" }

    /// Made of the user, his address and the server's key: nothing is stored, and the address does not stand in the link.
    static func token(_ c: Context, _ pusher: Pusher) -> String {
        Base64.encodeURLSafe(HMAC.sha256(key: c.signing.key.seed, Array("comptoir unsubscribe \(pusher.user) \(pusher.pushkey)".utf8)))
    }
}
