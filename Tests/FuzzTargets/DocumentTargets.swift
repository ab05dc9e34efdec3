@testable import Accounts
@testable import App
@testable import AppService
@testable import Desk
@testable import Media
import MatrixCore
@testable import ServerKit

extension FuzzTarget {
    /// Whole documents in languages of others.
    static let documents: [FuzzTarget] = [
        FuzzTarget("html", max: 256, ["<", ">", "</", "<!--", "-->", "<script", "</script>", "<title>", "</title>", "<meta ", "property=", "og:title", "content=", "name=", "charset=", "utf-16le", "iso-8859-1", "&", "&#", "&#x", ";", "&amp;", "\"", "'", "=", "/>", "<![CDATA[", "<p>", "<h1>", "<link rel=image_src href="]) { bytes throws(FuzzFailure) in
            let (charset, rest) = chosen(bytes, [nil, "utf-8", "utf-16le", "utf-16be", "iso-8859-1", "nonsense"] as [String?]), page = Array(rest)
            for (key, value) in PreviewRules.properties(page, charset: charset) {
                try must(!key.isEmpty && key.utf8.count <= 64 && !value.isEmpty && value.utf8.count <= PreviewRules.maxValueBytes + 8, "the property '\(key)' has \(value.utf8.count) bytes")
                try must(!value.unicodeScalars.contains { $0.value < 0x20 || $0.value == 0x7F }, "a control character in '\(key)'")
            }
            var scanner = HTMLScanner(page), count = 0
            while scanner.next() != nil { count += 1 }
            try must(count <= page.count, "more pieces than bytes")
        },
        FuzzTarget("yaml", max: 256, ["id: ", "url: ", "as_token: ", "hs_token: ", "sender_localpart: ", "namespaces:", "users:", "- ", "exclusive: true", "regex: '", "rate_limited: ", "protocols: [", "\n  ", "&a ", "*a", "!!binary ", "---\n", "...\n", "|\n", ">\n", "? ", "{", "}", "[", "]", "'", "\"", "#", "%YAML 1.1\n", "null", "~"]) { bytes throws(FuzzFailure) in
            do throws(RegistrationError) {
                let found = try Registration.parse(bytes, file: "f.yaml")
                let isWhole = !found.id.isEmpty && !found.asToken.isEmpty && !found.hsToken.isEmpty && !found.sender.isEmpty
                if !isWhole { throw RegistrationError(file: "", reason: "a registration without its names") }
                for namespace in found.users + found.rooms + found.aliases { _ = namespace.pattern.matches("@irc_x:example.org") }
            } catch {
                try must(error.file == "f.yaml" && !error.reason.isEmpty, error.reason)
            }
        },
        FuzzTarget("pattern", max: 64, ["(", ")", "[", "]", "[^", "*", "+", "?", "{2,3}", "{", "|", "\\", "^", "$", "(?:", "(?i)", "\\d", "\\w", "-", ".*", "\n"]) { bytes throws(FuzzFailure) in
            let parts = pieces(bytes, 2)
            guard let pattern = attempt({ try Pattern(text(parts[0])) }) else { return }
            let subject = text(parts[1]), holds = pattern.matches(subject)
            try must(pattern.matches(subject) == holds, "two answers")
            // Matched at the beginning: more behind it changes nothing, unless the pattern asks for the end.
            // Byte by byte: with a mark behind it, "$" is another character.
            let source = Array(pattern.source.lowercased().utf8), end = zip(source, source.dropFirst()).contains { $0 == UInt8(ascii: "\\") && $1 == UInt8(ascii: "z") }
            if holds, !source.contains(UInt8(ascii: "$")), !end { try must(pattern.matches(subject + "x"), "'\(pattern.source)' fits '\(subject)', but not with more behind it") }
            if let choice = attempt({ try Pattern("(?:" + pattern.source + ")|zzz") }), !pattern.source.contains("(?i)") { try must(choice.matches(subject) == holds || subject.hasPrefix("zzz"), "a choice with a stranger changes the answer") }
        },
        FuzzTarget("config", max: 128, ["=", "\n", "\r\n", "\"", "#", "server_name", "listen", "database", "max_upload", "trusted_proxies", "retention_max", "log_level", "public_url", "smtp_url", "turn_uris", "true", "100M", "12h", "127.0.0.1:8008", "[::1]:0", "https://", "postgresql://", ","]) { bytes throws(FuzzFailure) in
            guard let text = String(validating: bytes, as: UTF8.self) else { return }
            do throws(ConfigError) {
                let entries = try ConfigLoader.parse(text, file: "f")
                var config = Config(), keys: Set<String> = []
                for entry in entries {
                    guard keys.insert(entry.key).inserted else { throw .unreadable(file: "", reason: "a key stands twice") }
                    guard let setting = Setting.all.first(where: { $0.key == entry.key }) else {
                        if bytes.count % 16 == 0 { _ = ConfigLoader.suggestion(for: entry.key) }   // slow, and the same for all
                        continue
                    }
                    let before = config.listenPort
                    if let expected = setting.apply(&config, entry.value) {
                        if expected.isEmpty || config.listenPort != before { throw .unreadable(file: "", reason: "a refused value that counts") }
                    }
                }
                let isSound = (0...65_535).contains(config.listenPort) && config.maxUploadBytes > 0 && (config.publicURL ?? "http").hasPrefix("http") && (config.retentionMax ?? 1) > 0
                if !isSound { throw .unreadable(file: "", reason: "a setting is out of its bounds") }
            } catch {
                if case .unreadable(_, let reason) = error { throw FuzzFailure(reason) }
                try must(!error.description.isEmpty, "an error without words")
            }
        },
        FuzzTarget("cas", max: 256, ["<cas:serviceResponse xmlns:cas='x'>", "<cas:authenticationSuccess>", "<cas:user>", "</cas:user>", "<cas:attributes>", "</", "<!--", "-->", "<!DOCTYPE", "<![CDATA[", "<?xml?>", "&lt;", "&amp;", "/>", "alice"]) { bytes throws(FuzzFailure) in
            guard let user = CASAnswer.user(bytes) else { return }
            try must(!user.isEmpty && user.utf8.count <= 255 && !user.contains { $0.isNewline }, "the user '\(user)'")
            let whole = text(bytes)
            try must(whole.contains("serviceResponse") && whole.contains("authenticationSuccess") && whole.contains("user"), "a user out of nothing")
            let local = SSORules.localpart(user)
            try must(UserID.isValidLocalpart(local) && local.utf8.count <= 150 && local.first != "_", "the localpart '\(local)'")
        },
        FuzzTarget("jwt", max: 256, jsonWords + ["\"alg\"", "\"HS256\"", "\"RS256\"", "\"ES256\"", "\"none\"", "\"kid\"", "\"exp\"", "\"nbf\"", "\"iat\"", "\"sub\"", "\"iss\"", "\"aud\"", "\"nonce\"", "\"sid\"", "\"jti\"", "\"events\"", "\"email\"", "\"name\"", "."]) { bytes throws(FuzzFailure) in
            let now: Int64 = 1_800_000_000_000, raw = text(bytes)
            // As it is: nobody has signed it.
            if bytes.count % 2 == 0 { try unsigned(raw, now) }
            else { try signed(bytes, now) }
        },
        FuzzTarget("mail", max: 96, ["@", "<", ">", "\"", "=?utf-8?B?", "\r\n", "\n", ".", "é", "Bcc: x", "\u{301}", ","]) { bytes throws(FuzzFailure) in
            let parts = pieces(bytes, 2), first = text(parts[0]), rest = text(parts[1])
            if EMail.isValid(first) {
                try must(first.utf8.filter { $0 == UInt8(ascii: "@") }.count == 1 && first.utf8.allSatisfy { $0 > 0x20 && $0 != 0x7F }, "the address '\(first)'")
                if let canonical = EMail.canonical(first) { try must(EMail.canonical(canonical) == canonical, "a canonical address is made canonical again") }
            }
            let from = MailAddress(header: first) ?? MailAddress(header: "Shop <shop@example.org>")
            guard let from else { throw FuzzFailure("a plain sender is refused") }
            try must(EMail.isValid(from.address), "the sender '\(from.address)'")
            let message = MailMessage(to: EMail.isValid(first) ? first : "a@example.org", subject: rest, text: rest, language: "en", html: bytes.count % 2 == 0 ? rest : nil)
            let wire = message.wire(from: from, id: "abc", time: 1_700_000_000_000)
            try checkMail(wire, hasHTML: message.html != nil)
            let back = unquoted(MailMessage.quotedPrintable(rest))
            try must(back == Array(rest.utf8), "quoted-printable text reads as another")
        },
        FuzzTarget("canned", max: 128, ["{{", "}}", "|", "contact.first_name", "contact.name", "agent.name", "brand.name", "conversation.number", " ", "{", "}", "é\u{301}"]) { bytes throws(FuzzFailure) in
            let source = text(bytes)
            guard let template = attempt({ try CannedTemplate(source) }) else { return }
            let bare = template.render([:]), full = template.render(Dictionary(uniqueKeysWithValues: CannedTemplate.Variable.allCases.map { ($0, "v") }))
            try must(full.missing.isEmpty, "something is missing where everything is given")
            if !source.contains("{{") { try must(bare.text == source && bare.missing.isEmpty, "a text without variables changes") }
            try must(bare.text.utf8.count <= source.utf8.count && full.text.utf8.count <= source.utf8.count, "a short value makes the text longer")
        },
    ]
}

private let webKeys: JSON = ["keys": [["kty": "oct", "k": "cw"], ["kty": "EC", "crv": "P-256", "x": "AQ", "y": "AQ"]]]

/// Every line of a mail ends with CRLF and is short, there are no headers but ours, and each stands once.
private func checkMail(_ wire: [UInt8], hasHTML: Bool) throws(FuzzFailure) {
    try must(!wire.contains(0) && String(validating: wire, as: UTF8.self) != nil, "a mail with bytes that are no text")
    var lines: [[UInt8]] = [[]], index = 0
    while index < wire.count {
        if wire[index] == 13, index + 1 < wire.count, wire[index + 1] == 10 { lines.append([]); index += 2; continue }
        try must(wire[index] != 13 && wire[index] != 10, "a line that ends with half of an end")
        lines[lines.count - 1].append(wire[index])
        index += 1
    }
    try must(lines.allSatisfy { $0.count <= 998 }, "a line of \(lines.map(\.count).max() ?? 0) bytes")
    guard let blank = lines.firstIndex(of: []) else { throw FuzzFailure("headers without an end") }
    var names: [String] = []
    // Addresses may have letters of any language (RFC 6531), nothing else may.
    var header = ""
    for (index, line) in lines.enumerated() {
        if line.first != 0x20 { header = text(line.prefix { $0 != UInt8(ascii: ":") }) }
        if line.contains(where: { $0 >= 0x80 }) { try must(index < blank && ["From", "To", "Message-ID"].contains(header), "the line '\(text(line))' is not ASCII") }
    }
    for line in lines[..<blank] where line.first != 0x20 { names.append(text(line.prefix { $0 != UInt8(ascii: ":") })) }
    let ours = ["From", "To", "Subject", "Date", "Message-ID", "MIME-Version", "Content-Language", "Auto-Submitted", "Content-Type"] + (hasHTML ? [] : ["Content-Transfer-Encoding"])
    try must(names == ours, "the headers \(names)")
    for line in lines[blank...] { try must(line.count <= 76, "a line of \(line.count) bytes in the body") }
}

private func unquoted(_ text: String) -> [UInt8] {
    var out: [UInt8] = [], bytes = Array(text.utf8)[...]
    while let byte = bytes.popFirst() {
        guard byte == UInt8(ascii: "=") else {
            if byte == 13, bytes.first == 10 { continue }
            out.append(byte)
            continue
        }
        let two = bytes.prefix(2)
        bytes = bytes.dropFirst(2)
        if two.elementsEqual([13, 10]) { continue }
        out += Hex.decode(String(decoding: two, as: UTF8.self)) ?? []
    }
    return out
}

private func unsigned(_ raw: String, _ now: Int64) throws(FuzzFailure) {
    if let proved = attempt({ try Identity.jwt(raw, secret: "s", now: now) }) { throw FuzzFailure("\(proved.externalID) is proved by a token that nobody has signed") }
    if attempt({ try IDToken.verified(raw, keys: webKeys) }) != nil { throw FuzzFailure("a token that nobody has signed is genuine") }
    if let names = LogoutToken.names(raw) { try must(names.audience.count < 512, "an audience out of nothing") }
}

/// Header and claims, signed for the occasion.
private func signed(_ bytes: [UInt8], _ now: Int64) throws(FuzzFailure) {
    let parts = pieces(bytes, 2), body = Base64.encodeURLSafe(Array(parts[0])) + "." + Base64.encodeURLSafe(Array(parts[1]))
    let token = body + "." + Base64.encodeURLSafe(HMAC.sha256(key: Array("s".utf8), Array(body.utf8)))
    if let proved = attempt({ try Identity.jwt(token, secret: "s", now: now) }) {
        try must(object(parts[0])?["alg"] == "HS256" && object(parts[1])?["exp"] != nil, "a token of another algorithm, or for ever")
        try must((1...255).contains(proved.externalID.utf8.count) && (proved.email == nil) == !proved.emailProved, "the person '\(proved.externalID)'")
        if attempt({ try Identity.jwt(token, secret: "t", now: now) }) != nil { throw FuzzFailure("another secret does as well") }
    }
    guard let claims = object(parts[1]) else { return }
    if let expires = attempt({ () throws(IDToken.Failure) in try IDToken.check(claims, issuer: "https://i/", clientID: "c", now: now) }) {
        try must(expires + IDToken.leeway > now && IDToken.audience(claims).contains("c"), "claims of another time or for another")
    }
}
