import MatrixCore
import ServerKit
import Store

/// A link is sent to an address, and opened.
extension Accounts {
    var validationRoutes: [Route] {
        let v3 = "/_matrix/client/v3"
        let mails: [(String, ValidationPurpose)] = [("register", .register), ("account/password", .password), ("account/3pid", .add)]
        return mails.flatMap { path, purpose in
            [
                Route(.post, "\(v3)/\(path)/email/requestToken", auth: .none, limit: .registration) { req, c in try await self.requestToken(req, c, purpose) },
                Route(.post, "\(v3)/\(path)/msisdn/requestToken", auth: .none, limit: .registration) { req, _ in
                    _ = try req.json()
                    throw MatrixError.mediumNotSupported("This server sends no text messages.")
                },
            ]
        } + [
            Route(.get, Self.confirmPath, auth: .none, limit: .login, confirmPage),
            Route(.post, Self.confirmPath, auth: .none, limit: .login, body: .collected(max: 8192), confirm),
        ]
    }

    static let confirmPath = "/_comptoir/email/confirm"

    private func requestToken(_ req: Request, _ c: Context, _ purpose: ValidationPurpose) async throws -> Response {
        let body = try req.json()
        let secret = try ThirdPartyRules.clientSecret(body), nextLink = try ThirdPartyRules.nextLink(body)
        guard let address = EMail.canonical(try body.required(string: "email", max: 512)) else { throw MatrixError.invalidParam("'email' is not an e-mail address.") }
        guard let attempt = try body.int("send_attempt") else { throw MatrixError.missingParam("'send_attempt' is required.") }
        guard c.config.smtpURL != nil else { throw MatrixError.mediumNotSupported("This server sends no mail.") }
        if purpose == .register { _ = try await registrationFlows(c) }
        let id = ThirdPartyID(medium: "email", address: address), now = c.clock.now, since = now - ThirdPartyRules.lifetime
        // Never the Host header: whoever asks for somebody else's mail would choose where its link leads.
        let link = (c.config.publicURL ?? "http://\(c.config.listenHost):\(c.config.listenPort)") + Self.confirmPath, language = req.language
        let (owner, known) = try await c.db.read { tx in
            (try ThirdPartyStore.user(tx, id), try ThirdPartyStore.session(tx, secret: secret, purpose, id, since: since))
        }
        switch purpose {
        case .register, .add: if owner != nil { throw MatrixError.thirdPartyInUse() }
        case .password: if owner == nil { throw MatrixError.thirdPartyNotFound() }
        }
        if let known, known.sendAttempt >= attempt { return .json(["sid": .string(known.sid)]) }
        try c.limiter.take(.mail, who: address, now: now)
        let fresh = c.entropy.token(24), key = c.entropy.token(24)
        let sid = try await c.db.write { tx in
            let old = try ThirdPartyStore.session(tx, secret: secret, purpose, id, since: since)
            let sid = old?.sid ?? fresh
            if old == nil {
                try ThirdPartyStore.insert(tx, ValidationSession(sid: sid, purpose: purpose, id: id, sendAttempt: attempt, nextLink: nextLink, isValidated: false),
                                           secret: secret, now: now)
            } else {
                try ThirdPartyStore.sentAgain(tx, sid: sid, attempt: attempt, nextLink: nextLink)
            }
            let mail = Mails.confirmation(purpose, to: address, link: "\(link)?sid=\(sid)&token=\(ThirdPartyRules.token(c, sid: sid))", server: c.serverName, language: language)
            try self.mail.enqueue(c, tx, key: key, payload: mail.json)
            return sid
        }
        return .json(["sid": .string(sid)])
    }

    /// The session of a link, when the link is genuine.
    private func session(_ c: Context, _ query: Query) async throws -> ValidationSession? {
        guard let sid = query["sid"], let token = query["token"], constantTimeEqual(Array(token.utf8), Array(ThirdPartyRules.token(c, sid: sid).utf8)) else { return nil }
        let since = c.clock.now - ThirdPartyRules.lifetime
        return try await c.db.read { tx in try ThirdPartyStore.session(tx, sid: sid, since: since) }
    }

    private func confirmPage(_ req: Request, _ c: Context) async throws -> Response {
        let isFrench = req.language == "fr"
        guard let session = try await session(c, req.query) else { return Self.unknownLink(req) }
        // Programs that look at mails open links; a new password needs a person.
        guard session.purpose == .password, !session.isValidated else { return try await confirmed(req, c, session) }
        return Page(isFrench ? "Nouveau mot de passe" : "New password", language: req.language, [
            .text(isFrench ? "Autorisez-vous un nouveau mot de passe pour le compte dont l’adresse est \(session.id.address) ?"
                : "Do you allow a new password for the account whose address is \(session.id.address)?"),
            .form(isFrench ? "Autoriser" : "Allow it", action: Self.confirmPath, fields: [(name: "sid", value: session.sid), (name: "token", value: req.query["token"] ?? "")]),
        ]).response()
    }

    private func confirm(_ req: Request, _ c: Context) async throws -> Response {
        guard let session = try await session(c, try req.form()) else { return Self.unknownLink(req) }
        return try await confirmed(req, c, session)
    }

    private func confirmed(_ req: Request, _ c: Context, _ session: ValidationSession) async throws -> Response {
        let isFrench = req.language == "fr", now = c.clock.now
        try await c.db.write { tx in try ThirdPartyStore.validate(tx, sid: session.sid, now: now) }
        var parts: [Page.Part] = [.text(isFrench ? "Merci. Vous pouvez fermer cette page et revenir à votre application." : "Thank you. You can close this page and go back to your app.")]
        if let link = session.nextLink {
            if SSORules.isKnownClient(link, c.config, own: req.publicURL(c)) { return Page.redirect(to: link) }
            // Whoever asked for the mail chose the link: the reader sees where it leads.
            parts.append(.link(isFrench ? "Continuer vers \(SSORules.place(link))" : "Continue to \(SSORules.place(link))", href: link))
        }
        return Page(isFrench ? "Adresse confirmée" : "Address confirmed", language: req.language, parts).response()
    }

    private static func unknownLink(_ req: Request) -> Response {
        let isFrench = req.language == "fr"
        return Page(isFrench ? "Lien inconnu" : "Unknown link", language: req.language,
                    [.text(isFrench ? "Ce lien n’est pas valable ou a expiré. Demandez un nouveau message dans votre application." : "This link is not valid or has expired. Ask for a new message in your app.")])
            .response(400)
    }
}
