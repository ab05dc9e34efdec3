package import MatrixCore

/// A small page without scripts of its own, for what a person sees outside of a client: confirmations of mails and of single sign-on.
///
/// Invariants: every text is escaped; nothing is loaded from anywhere; the page may not be framed, and tells nobody where it was.
package struct Page: Sendable {
    package enum Part: Sendable {
        case text(String)
        /// A link that looks like a button.
        case link(String, href: String)
        /// A button that posts hidden fields to `action`.
        case form(String, action: String, fields: [(name: String, value: String)])
    }
    package var title: String
    package var language: String
    package var parts: [Part]
    /// Run by the page; its hash stands in the content security policy.
    package var script: String?

    package init(_ title: String, language: String, _ parts: [Part], script: String? = nil) {
        self.title = title; self.language = language; self.parts = parts; self.script = script
    }

    package func response(_ status: Int = 200, cookies: [String] = []) -> Response {
        var script = "'none'"
        if let own = self.script { script = "'sha256-" + Base64.encodePadded(SHA256.hash(Array(own.utf8))) + "'" }
        let style = "'sha256-" + Base64.encodePadded(SHA256.hash(Array(Self.style.utf8))) + "'"
        var headers: Headers = [
            "Content-Type": "text/html; charset=utf-8",
            "Content-Language": language,
            "Content-Security-Policy": "default-src 'none'; style-src \(style); script-src \(script); form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
            "Referrer-Policy": "no-referrer",
            "Cache-Control": "no-store",
            "X-Content-Type-Options": "nosniff",
        ]
        for cookie in cookies { headers.add("Set-Cookie", cookie) }
        return Response(status, headers: headers, body: .bytes(Array(html.utf8)))
    }

    var html: String {
        var body = "<h1>\(Self.escape(title))</h1>"
        for part in parts {
            switch part {
            case .text(let text): body += "<p>\(Self.escape(text))</p>"
            case .link(let label, let href): body += "<p><a class=\"button\" href=\"\(Self.escape(href))\">\(Self.escape(label))</a></p>"
            case .form(let label, let action, let fields):
                body += "<form method=\"post\" action=\"\(Self.escape(action))\">"
                for field in fields { body += "<input type=\"hidden\" name=\"\(Self.escape(field.name))\" value=\"\(Self.escape(field.value))\">" }
                body += "<button class=\"button\">\(Self.escape(label))</button></form>"
            }
        }
        if let script { body += "<script>\(script)</script>" }
        return """
            <!doctype html><html lang="\(Self.escape(language))"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">\
            <title>\(Self.escape(title))</title><style>\(Self.style)</style></head><body><main>\(body)</main></body></html>
            """
    }

    private static let style = """
        :root{color-scheme:light dark}body{font:1rem/1.5 system-ui,sans-serif;margin:0;display:grid;place-items:center;min-height:100vh}\
        main{max-width:32rem;padding:2rem}h1{font-size:1.5rem}p{overflow-wrap:anywhere}\
        .button{display:inline-block;padding:.6rem 1.2rem;border:0;border-radius:.5rem;background:#1d4ed8;color:#fff;font:inherit;text-decoration:none;cursor:pointer}\
        .button:focus-visible{outline:3px solid currentColor;outline-offset:2px}
        """

    package static func escape(_ text: String) -> String {
        var out = ""
        out.reserveCapacity(text.utf8.count)
        for character in text.unicodeScalars {
            switch character {
            case "&": out += "&amp;"
            case "<": out += "&lt;"
            case ">": out += "&gt;"
            case "\"": out += "&quot;"
            case "'": out += "&#39;"
            default: out.unicodeScalars.append(character)
            }
        }
        return out
    }

    /// 302, not kept by anybody.
    package static func redirect(to address: String, cookies: [String] = []) -> Response {
        var headers: Headers = ["Location": address, "Cache-Control": "no-store", "Referrer-Policy": "no-referrer"]
        for cookie in cookies { headers.add("Set-Cookie", cookie) }
        return Response(302, headers: headers)
    }
}

extension Request {
    /// A posted form (`application/x-www-form-urlencoded`).
    package func form() throws(MatrixError) -> Query {
        guard let text = String(validating: body, as: UTF8.self), let form = Percent.query(text) else { throw .badRequest("The form cannot be read.") }
        return form
    }
    package func cookie(_ name: String) -> String? {
        for header in headers.fields where Headers.same(header.name, "Cookie") {
            for pair in header.value.split(separator: ";") {
                let parts = pair.drop { $0 == " " }.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
                if parts.count == 2, parts[0] == name { return String(parts[1]) }
            }
        }
        return nil
    }
    /// Where this client reaches the server, without a slash at the end: the setting, or else the address that was used.
    package func publicURL(_ c: Context) -> String {
        c.config.publicURL ?? "http://" + (headers["Host"] ?? "\(c.config.listenHost):\(c.config.listenPort)")
    }
}
