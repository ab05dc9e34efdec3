package import MatrixCore
package import ServerKit

/// A sentence in both languages of the product.
package struct Phrase: Sendable, Hashable {
    package let en: String, fr: String
    package init(en: String, fr: String) { self.en = en; self.fr = fr }
    package func text(_ language: String) -> String { language == "fr" ? fr : en }
}

/// An error of the desk and widget APIs on the wire: problem+json (RFC 9457). `detail` is for a person, `code` for a program.
package struct DeskError: WireError, Hashable {
    package enum Code: String, Sendable, Hashable, CaseIterable {
        case badJSON = "bad_json", invalid, unauthorized, forbidden, notFound = "not_found", badMethod = "bad_method", conflict, alreadyTaken = "already_taken"
        case keyReused = "key_reused", tooLarge = "too_large", unsupportedType = "unsupported_type", rateLimited = "rate_limited"
        case originRefused = "origin_refused", identityInvalid = "identity_invalid", identityRequired = "identity_required"
        case unknownInbox = "unknown_inbox", unavailable, failed

        var status: Int {
            switch self {
            case .badJSON, .invalid: 400
            case .unauthorized, .identityInvalid, .identityRequired: 401
            case .forbidden, .originRefused: 403
            case .notFound, .unknownInbox: 404
            case .badMethod: 405
            case .conflict, .alreadyTaken, .keyReused: 409
            case .tooLarge: 413
            case .unsupportedType: 415
            case .rateLimited: 429
            case .failed: 500
            case .unavailable: 503
            }
        }
        var title: Phrase {
            switch self {
            case .badJSON: Phrase(en: "Not valid JSON", fr: "JSON non valide")
            case .invalid: Phrase(en: "Invalid input", fr: "Saisie non valide")
            case .unauthorized: Phrase(en: "Not signed in", fr: "Non connecté")
            case .forbidden: Phrase(en: "Not allowed", fr: "Non autorisé")
            case .notFound: Phrase(en: "Not found", fr: "Introuvable")
            case .badMethod: Phrase(en: "Wrong method", fr: "Méthode non prévue")
            case .conflict: Phrase(en: "Changed meanwhile", fr: "Modifié entre-temps")
            case .alreadyTaken: Phrase(en: "Already taken", fr: "Déjà prise")
            case .keyReused: Phrase(en: "Key already used", fr: "Clé déjà utilisée")
            case .tooLarge: Phrase(en: "Too large", fr: "Trop volumineux")
            case .unsupportedType: Phrase(en: "Unsupported type", fr: "Type non pris en charge")
            case .rateLimited: Phrase(en: "Too many requests", fr: "Trop de requêtes")
            case .originRefused: Phrase(en: "Site not allowed", fr: "Site non autorisé")
            case .identityInvalid: Phrase(en: "Identity not valid", fr: "Identité non valide")
            case .identityRequired: Phrase(en: "Identity required", fr: "Identité requise")
            case .unknownInbox: Phrase(en: "Unknown inbox", fr: "Boîte inconnue")
            case .unavailable: Phrase(en: "Busy", fr: "Occupé")
            case .failed: Phrase(en: "Server error", fr: "Erreur du serveur")
            }
        }
    }
    package struct Field: Sendable, Hashable {
        package let name: String
        package let detail: Phrase
    }

    package var code: Code
    package var detail: Phrase
    package var fields: [Field]
    package var extra: JSONObject

    package init(_ code: Code, _ detail: Phrase, fields: [Field] = [], extra: JSONObject = [:]) {
        self.code = code; self.detail = detail; self.fields = fields; self.extra = extra
    }
    package init(_ code: Code, en: String, fr: String, extra: JSONObject = [:]) {
        self.init(code, Phrase(en: en, fr: fr), extra: extra)
    }

    package func response(language: String) -> Response {
        var body = extra
        body["type"] = .string("urn:comptoir:problem:" + code.rawValue)
        body["code"] = .string(code.rawValue)
        body["title"] = .string(code.title.text(language))
        body["status"] = .int(Int64(code.status))
        body["detail"] = .string(detail.text(language))
        if !fields.isEmpty {
            body["errors"] = .array(fields.map { ["field": .string($0.name), "detail": .string($0.detail.text(language))] })
        }
        var headers: Headers = ["Content-Type": "application/problem+json", "Content-Language": language == "fr" ? "fr" : "en"]
        if let wait = extra["retry_after_ms"]?.intValue { headers.set("Retry-After", String((wait + 999) / 1000)) }
        return Response(code.status, headers: headers, body: .bytes(JSON.object(body).encoded()))
    }

    // What is said in more than one place.
    package static let notFound = DeskError(.notFound, en: "This does not exist, or you may not see it.", fr: "Cet élément n’existe pas, ou vous n’y avez pas accès.")
    package static let forbidden = DeskError(.forbidden, en: "Your role does not allow that.", fr: "Votre rôle ne le permet pas.")
    package static let unauthorized = DeskError(.unauthorized, en: "Sign in to go on.", fr: "Connectez-vous pour continuer.")
    package static let tooLarge = DeskError(.tooLarge, en: "This is too large.", fr: "C’est trop volumineux.")
    package static let badJSON = DeskError(.badJSON, en: "The request is not a valid JSON object.", fr: "La requête n’est pas un objet JSON valide.")
    package static let unavailable = DeskError(.unavailable, en: "The server is busy. Try again in a moment.", fr: "Le serveur est occupé. Réessayez dans un instant.", extra: ["retry_after_ms": 1000])
    package static let failed = DeskError(.failed, en: "Something went wrong on the server. It has been logged.", fr: "Une erreur s’est produite sur le serveur. Elle a été enregistrée.")
    package static let unknownInbox = DeskError(.unknownInbox, en: "There is no inbox with this key.", fr: "Aucune boîte de réception n’a cette clé.")
    package static let keyReused = DeskError(.keyReused, en: "This key was already used for something else.", fr: "Cette clé a déjà servi pour autre chose.")

    package static func invalid(_ field: String, en: String, fr: String) -> DeskError {
        DeskError(.invalid, Phrase(en: en, fr: fr), fields: [Field(name: field, detail: Phrase(en: en, fr: fr))])
    }

    /// What a port has refused, told as the desk tells it.
    package init(_ error: MatrixError) {
        switch (error.status, error.errcode) {
        case (401, _): self = .unauthorized
        case (429, _):
            self.init(.rateLimited, en: "Too many requests. Wait a moment and try again.", fr: "Trop de requêtes. Attendez un instant puis réessayez.",
                      extra: ["retry_after_ms": error.extra["retry_after_ms"] ?? 1000])
        case (400, "M_USER_IN_USE"): self = .invalid("username", en: "This user name is taken.", fr: "Ce nom d’utilisateur est déjà pris.")
        case (400, "M_INVALID_USERNAME"): self = .invalid("username", en: "A user name has only a-z, 0-9 and ._=-/+.", fr: "Un nom d’utilisateur ne comporte que a-z, 0-9 et ._=-/+.")
        case (400, "M_NOT_JSON"), (400, "M_BAD_JSON"): self = .badJSON
        case (413, _): self = .tooLarge
        case (404, _): self = .notFound
        case (405, _): self.init(.badMethod, en: "This address does not know that method.", fr: "Cette adresse ne connaît pas cette méthode.")
        case (403, _): self = .forbidden
        case (503, _): self = .unavailable
        case (500..., _): self = .failed
        default: self.init(.invalid, en: "The request is not valid: \(error.message)", fr: "La requête n’est pas valide : \(error.message)")
        }
    }
}
