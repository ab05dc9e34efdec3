@testable import App
@testable import Desk
@testable import Media
import MatrixCore
@testable import Rooms
@testable import ServerKit

extension FuzzTarget {
    /// What stands in the head of a request, and the tokens that clients give back.
    static let http: [FuzzTarget] = [
        FuzzTarget("percent", max: 64, ["%", "%2F", "%00", "%C3%A9", "%zz", "+", "&", "=", "?", "#", "/", "//", "%E2%82%AC"]) { bytes throws(FuzzFailure) in
            let raw = text(bytes), encoded = Percent.encode(raw)
            try must(Percent.decode(encoded) == raw && Percent.decode(encoded, plusIsSpace: true) == raw, "encoded and decoded it is another text")
            try must(encoded.utf8.allSatisfy(Plain.holds), "an encoded text has a character with a meaning")
            if let decoded = Percent.decode(raw) { try must(decoded.utf8.count <= raw.utf8.count, "decoding makes it longer") }
            if let query = Percent.query(raw) {
                for item in query.items.prefix(2) { try must(query.all(item.name).contains(item.value) && query[item.name] != nil, "a parameter is lost") }
                var again = ""
                for item in query.items { again += (again.isEmpty ? "" : "&") + Percent.encode(item.name) + "=" + Percent.encode(item.value) }
                guard let second = Percent.query(again) else { throw FuzzFailure("a written query cannot be read") }
                try must(second.items.elementsEqual(query.items) { $0 == $1 }, "a written query reads as another")
            }
        },
        FuzzTarget("routes", max: 128, ["/_matrix/client/v3/", "/_matrix/client/r0/", "/_comptoir/", "rooms/", "%21r:x", "/", "//", "%2F", "/..", "/send/", "m.room.message", "/_synapse/admin/v1/", "/desk"]) { bytes throws(FuzzFailure) in
            let (method, rest) = chosen(bytes, Method.allCases), path = "/" + text(rest)
            switch router.match(method, rawPath: path[...]) {
            case .route(let route, let params):
                try must(route.method == method || method == .head && route.method == .get, "the route is of another method")
                for name in route.path.split(separator: "/").filter({ $0.first == "{" }) {
                    var name = name.dropFirst().dropLast()
                    if name.hasSuffix("...") { name = name.dropLast(3) }
                    try must(params[String(name)] != nil, "\(route.path) lacks '\(name)'")
                }
                try must(params.values.allSatisfy { $0.utf8.count <= path.utf8.count }, "a parameter is longer than the path")
            case .otherMethod(let others): try must(!others.isEmpty && !others.contains(method), "another method is this one")
            case .none: break
            }
        },
        FuzzTarget("headers", max: 96, ["bytes=", "-", ",", "0-", "text/html", "image/png", ";", "charset=", "q=0.5", "fr", "en", "gzip", "br", "*", "identity", "\"", "a=b", "; ", "filename"]) { bytes throws(FuzzFailure) in
            let (size, rest) = chosen(bytes, [0, 1, 10, 1000, .max - 1] as [Int64]), value = text(rest)
            switch Int(bytes.first ?? 0) / 5 % 5 {   // one kind of header at a time: together they take too long
            case 0:
                if case .part(let range) = ByteRange(value, size: size) { try must(range.lowerBound >= 0 && range.upperBound <= size && !range.isEmpty, "the part \(range) of \(size) bytes") }
                if size == 0, case .part = ByteRange(value, size: size) { throw FuzzFailure("a part of nothing") }
            case 1:
                try must(["en", "fr"].contains(Request.language(value)), "a language that there is not")
            case 2:
                for available in [[], [.br], [.gzip], [.br, .gzip]] as [Set<ContentCoding>] {
                    let coding = ContentCoding.choose(value, from: available)
                    try must(coding == .identity || available.contains(coding), "a coding that there is not")
                }
            case 3:
                if let (full, essence) = ContentTypes.parse(value) {
                    try must(full.utf8.allSatisfy { (0x20...0x7E).contains($0) } && full.hasPrefix(essence), "the type '\(full)'")
                    try must(essence.split(separator: "/").count == 2 && essence == essence.lowercased(), "the essence '\(essence)'")
                    try must(ContentTypes.parse(full).map { $0.essence == essence } ?? true, "a type that reads as another")
                }
                _ = PreviewRules.charset(value)
            default:
                var request = Request(.get, "/")
                request.headers = Headers([(name: "cookie", value: value), (name: "COOKIE", value: "a=b")])
                try must(request.cookie("a") != nil, "a cookie is lost")
                if let found = request.cookie("comptoir_sso_1") { try must(!found.utf8.contains(UInt8(ascii: ";")), "a cookie that is two") }
            }
        },
        FuzzTarget("filename", max: 240, ["/", "\\", "..", ".", "\"", "%", "\r\n", "\u{202E}", "é", "\u{FEFF}", "'"]) { bytes throws(FuzzFailure) in
            let name = text(bytes)
            do {
                let header = FileNames.disposition(inline: bytes.count % 2 == 0, name: name)
                try must(header.utf8.allSatisfy { (0x20...0x7E).contains($0) }, "a header that is no line of ASCII")
                try must(header.utf8.filter { $0 == UInt8(ascii: "\"") }.count.isMultiple(of: 2) && header.utf8.filter { $0 == UInt8(ascii: ";") }.count <= (header.hasSuffix("\"") ? 300 : 1), "the header '\(header)'")
            }
            guard let clean = FileNames.clean(name) else { return }
            try must(!clean.isEmpty && clean.utf8.count <= 200 && !clean.contains("/") && !clean.contains("\\") && clean != "..", "the name '\(clean)'")
            try must(FileNames.clean(clean) == clean, "a clean name is cleaned again: '\(clean)'")
        },
        FuzzTarget("tokens", max: 80, ["s", "t", "n", "p", "_", ".", "-", "9223372036854775807", "9223372036854775808", "s1_2", "s1_2_1.abc-3"]) { bytes throws(FuzzFailure) in
            let given = text(bytes)
            if let token = SyncToken(given) {
                try must(token.position >= 0 && token.ephemeral >= 0 && token.toDevicePosition <= token.position, "a token of before the beginning")
                try must(SyncToken(token.description) == token, "a sync token reads as another")
            }
            if let pos = SlidingPos(given) { try must(SlidingPos(pos.description) == pos && pos.serial >= 0 && pos.token.position >= 0, "a sliding position reads as another") }
            if let token = PageToken(given) { try must(token.position >= 0 && PageToken(token.description) == token, "a page token reads as another") }
            if let mark = PublicRooms.Mark(given) { try must(PublicRooms.Mark(mark.text) == mark, "a mark of the directory reads as another") }
            if let cursor = Cursor(given) { try must(Cursor(cursor.text) == cursor, "a cursor reads as another") }
        },
        FuzzTarget("addresses", max: 17) { bytes throws(FuzzFailure) in
            for count in [4, 16] where bytes.count >= count {
                let address = Array(bytes.prefix(count)), kind = AddressGuard.kind(address)
                try must((kind == .open) == PublicInternet.holds(address), "\(address) is \(kind)")
                if kind == .loopback { try must(count == 4 ? address[0] == 127 : true, "\(address) is loopback") }
            }
            if bytes.count != 4, bytes.count != 16 { try must(AddressGuard.kind(bytes) == .closed, "an address of another family is open") }
        },
        FuzzTarget("url", max: 128, ["http://", "https://", "@", ":", "[::1]", "127.0.0.1", "localhost", "0x7f.1", "%00", "\\", "#", "?", "/", "//", "..", "./", "ftp://", "：", "ⓔ"]) { bytes throws(FuzzFailure) in
            let parts = pieces(bytes, 2), url = text(parts[0]), reference = text(parts[1])
            if let host = attempt({ try CurlOutbound.host(url) }) {
                try must(!host.isEmpty && host.utf8.allSatisfy { $0 > 0x20 && $0 != 0x7F && !"/?#\\@".utf8.contains($0) }, "the host '\(host)' of '\(url)'")
                try must(url.lowercased().hasPrefix("http"), "the scheme of '\(url)'")
            }
            if let page = PreviewRules.pageURL(url) {
                try must(page.hasPrefix("http://") || page.hasPrefix("https://"), "the page '\(page)'")
                try must(!page.contains("#") && PreviewRules.pageURL(page) == page, "the page '\(page)' of '\(url)'")
                if let resolved = PreviewRules.resolve(reference, from: page) { try must(PreviewRules.pageURL(resolved) == resolved, "'\(reference)' from '\(page)' is '\(resolved)'") }
            }
        },
    ]
}

/// What may stand in an encoded text.
private enum Plain {
    private static let table: [Bool] = (0..<256).map { (0x21...0x7E).contains($0) && !"/?#&=+".utf8.contains(UInt8($0)) }
    static func holds(_ byte: UInt8) -> Bool { table[Int(byte)] }
}

/// All routes of the server, but not those of the pages, which are built.
private let router: Router = {
    var config = Config()
    config.webDirectory = "/nowhere"
    return Router(Inventory.routes(config))
}()

/// The registries of special addresses as prefixes, which the guard has as rules: https://www.iana.org/assignments/iana-ipv4-special-registry
enum PublicInternet {
    private static let closed4: [(UInt32, Int)] = [
        (0x0000_0000, 8), (0x0A00_0000, 8), (0x6440_0000, 10), (0x7F00_0000, 8), (0xA9FE_0000, 16), (0xAC10_0000, 12), (0xC000_0000, 24), (0xC000_0200, 24), (0xC058_6300, 24),
        (0xC0A8_0000, 16), (0xC612_0000, 15), (0xC633_6400, 24), (0xCB00_7100, 24), (0xE000_0000, 3),
    ]
    private static let closed6: [(UInt64, Int)] = [(0x2001_0000_0000_0000, 23), (0x2001_0DB8_0000_0000, 32), (0x3FFF_0000_0000_0000, 20)]

    static func holds(_ address: [UInt8]) -> Bool {
        func number(_ bytes: ArraySlice<UInt8>) -> UInt64 { bytes.reduce(0) { $0 << 8 | UInt64($1) } }
        func isOpen4(_ value: UInt32) -> Bool { !closed4.contains { prefix, bits in (value ^ prefix) >> (32 - UInt32(bits)) == 0 } }
        if address.count == 4 { return isOpen4(UInt32(number(address[...]))) }
        let high = number(address[0..<8]), low = number(address[8..<16])
        if high == 0, low >> 32 == 0xFFFF { return isOpen4(UInt32(truncatingIfNeeded: low)) }
        if high == 0x0064_FF9B_0000_0000, low >> 32 == 0 { return isOpen4(UInt32(truncatingIfNeeded: low)) }
        if high >> 48 == 0x2002 { return isOpen4(UInt32(truncatingIfNeeded: high >> 16)) }
        return high >> 61 == 1 && !closed6.contains { prefix, bits in (high ^ prefix) >> (64 - UInt64(bits)) == 0 }
    }
}
