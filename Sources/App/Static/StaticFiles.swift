import Glibc
import MatrixCore
package import ServerKit

/// The built web pages, served from memory.
///
/// Invariants: all files are read when the server starts, and only a name that was found then is ever answered: a path of a
/// request never reaches the file system. Hashed assets are cached for good, everything else is asked for again each time.
/// Pages run only scripts of this server (CSP, Trusted Types).
package struct StaticFiles: Sendable {
    /// One file with its compressed copies.
    struct Entry: Sendable {
        var type: String
        var tag: String
        var copies: [ContentCoding: [UInt8]]
    }

    /// Says which sites may show the frame of an inbox's widget; none means all.
    package typealias WidgetOrigins = @Sendable (_ c: Context, _ inboxKey: String) async throws -> [String]

    /// Address -> page: what `manifest.json` lists.
    private let pages: [String: Entry]
    /// Path below `/assets/`.
    private let assets: [String: Entry]

    package struct Failure: Error, CustomStringConvertible {
        package let description: String
    }

    /// The directory from the settings, or `web/dist` here or above the executable; nil when there is none.
    package static func directory(_ config: Config) -> String? {
        if let named = config.webDirectory { return Files.exists(named + "/manifest.json") ? named : nil }
        var candidates = ["web/dist"]
        var buffer = [CChar](repeating: 0, count: 4096)
        let length = readlink("/proc/self/exe", &buffer, buffer.count - 1)
        if length > 0 {
            var place = Files.parent(of: String(decoding: buffer[..<length].map(UInt8.init(bitPattern:)), as: UTF8.self))
            candidates.append(place + "/../share/comptoir/web")
            for _ in 0..<4 {
                place = Files.parent(of: place)
                candidates.append(place + "/web/dist")
            }
        }
        return candidates.first { Files.exists($0 + "/manifest.json") }
    }

    /// Reads the directory that `web/build.sh` makes.
    package init(directory: String) throws {
        let limit = 64 << 20
        let manifest = try JSON.parse(try Files.read(directory + "/manifest.json", max: limit))
        func entry(_ file: String) throws -> Entry {
            guard !file.split(separator: "/", omittingEmptySubsequences: false).contains(where: { $0.isEmpty || $0 == "." || $0 == ".." }) else {
                throw Failure(description: "\(directory)/manifest.json names '\(file)', which is no path within it")
            }
            let bytes = try Files.read(directory + "/" + file, max: limit)
            var copies: [ContentCoding: [UInt8]] = [.identity: bytes]
            for (coding, suffix) in [(ContentCoding.br, ".br"), (.gzip, ".gz")] where Files.exists(directory + "/" + file + suffix) {
                copies[coding] = try Files.read(directory + "/" + file + suffix, max: limit)
            }
            return Entry(type: Self.type(of: file), tag: Hex.encode(Array(SHA256.hash(bytes).prefix(12))), copies: copies)
        }
        var pages: [String: Entry] = [:], assets: [String: Entry] = [:]
        for (address, file) in manifest["pages"]?.objectValue ?? [:] {
            guard address.hasPrefix("/"), let file = file.stringValue else { throw Failure(description: "\(directory)/manifest.json: '\(address)' is no page") }
            pages[address.count > 1 && address.hasSuffix("/") ? String(address.dropLast()) : address] = try entry(file)
        }
        guard !pages.isEmpty else { throw Failure(description: "\(directory)/manifest.json lists no pages") }
        func collect(_ folder: String) throws {
            for name in try Files.list(directory + "/assets" + folder) where !name.hasPrefix(".") {
                let path = folder + "/" + name
                switch Files.info(directory + "/assets" + path)?.kind {
                case .directory: try collect(path)
                case .file where !name.hasSuffix(".br") && !name.hasSuffix(".gz"): assets[String(path.dropFirst())] = try entry("assets" + path)
                default: continue
                }
            }
        }
        if Files.exists(directory + "/assets") { try collect("") }
        self.pages = pages
        self.assets = assets
    }

    /// Pages whose further path is read by their own script.
    private static let routed: Set<String> = ["/app", "/desk", "/help"]

    package func routes(widgetOrigins: @escaping WidgetOrigins = { _, _ in [] }) -> [Route] {
        var routes: [Route] = []
        for (address, entry) in pages.sorted(by: { $0.key < $1.key }) {
            let handler: Route.Handler = switch (address, entry.type.hasPrefix("text/html")) {
            case ("/widget", _): { req, c in
                var origins: [String] = []
                if let inbox = req.query["inbox"] { origins = try await widgetOrigins(c, inbox) }
                return Self.answer(req, entry, Self.pageHeaders(frameAncestors: Self.sources(origins)))
            }
            case (_, true): { req, _ in Self.answer(req, entry, Self.pageHeaders(frameAncestors: nil)) }
            default: { req, _ in Self.answer(req, entry, ["Cache-Control": "no-cache", "Cross-Origin-Resource-Policy": "cross-origin"]) }
            }
            routes.append(Route(.get, address, auth: .none, limit: .none, handler))
            if Self.routed.contains(address) { routes.append(Route(.get, address + "/{rest...}", auth: .none, limit: .none, handler)) }
        }
        let assets = assets
        routes.append(Route(.get, "/assets/{rest...}", auth: .none, limit: .none) { req, _ in
            guard let entry = assets[try req.param("rest")] else { return .text("Not found.\n", status: 404) }
            return Self.answer(req, entry, ["Cache-Control": "public, max-age=31536000, immutable", "Cross-Origin-Resource-Policy": "same-origin"])
        })
        return routes
    }

    // MARK: headers

    private static let policy = [
        "default-src 'self'", "img-src 'self' blob: data:", "media-src 'self' blob:", "connect-src 'self'", "style-src 'self'", "script-src 'self'",
        "require-trusted-types-for 'script'", "trusted-types comptoir", "object-src 'none'", "base-uri 'none'", "form-action 'self'",
    ].joined(separator: "; ")

    /// `frameAncestors`: who may show the page in a frame; nil for nobody.
    static func pageHeaders(frameAncestors: String?) -> Headers {
        var headers: Headers = [
            "Cache-Control": "no-cache",
            "Content-Security-Policy": policy + "; frame-ancestors " + (frameAncestors ?? "'none'"),
            "Referrer-Policy": "same-origin",
            "Permissions-Policy": "geolocation=(), payment=(), usb=()",
        ]
        if frameAncestors == nil {
            headers.add("X-Frame-Options", "DENY")
            headers.add("Cross-Origin-Opener-Policy", "same-origin")
        }
        return headers
    }

    /// Origins as sources of a policy; what is none is left out, so that it cannot end the directive. None given: everyone.
    static func sources(_ origins: [String]) -> String {
        guard !origins.isEmpty else { return "*" }
        let valid = origins.filter { origin in
            guard let scheme = ["https://", "http://"].first(where: { origin.hasPrefix($0) }) else { return false }
            let host = origin.dropFirst(scheme.count)
            return ServerName.isValid(String(host.hasPrefix("*.") ? host.dropFirst(2) : host))
        }
        return (["'self'"] + valid).joined(separator: " ")
    }

    private static func answer(_ req: Request, _ entry: Entry, _ headers: Headers) -> Response {
        let coding = ContentCoding.choose(req.headers["Accept-Encoding"], from: Set(entry.copies.keys))
        let tag = "\"\(entry.tag)\(coding == .identity ? "" : "-" + coding.rawValue)\""
        var headers = headers
        headers.add("ETag", tag)
        headers.add("Vary", "Accept-Encoding")
        if let known = req.headers["If-None-Match"], known.split(separator: ",").contains(where: { matches($0, tag) }) { return Response(304, headers: headers) }
        headers.add("Content-Type", entry.type)
        if coding != .identity { headers.add("Content-Encoding", coding.rawValue) }
        return Response(200, headers: headers, body: .bytes(entry.copies[coding] ?? []))
    }

    private static func matches(_ known: Substring, _ tag: String) -> Bool {
        let known = known.drop { $0 == " " }
        return known == "*" || (known.hasPrefix("W/") ? known.dropFirst(2) : known).prefix { $0 != " " } == tag
    }

    private static func type(of file: String) -> String {
        switch file.split(separator: ".").last {
        case "html": "text/html; charset=utf-8"
        case "js", "mjs": "text/javascript; charset=utf-8"
        case "css": "text/css; charset=utf-8"
        case "json", "map": "application/json"
        case "webmanifest": "application/manifest+json"
        case "svg": "image/svg+xml"
        case "png": "image/png"
        case "jpg", "jpeg": "image/jpeg"
        case "webp": "image/webp"
        case "ico": "image/x-icon"
        case "woff2": "font/woff2"
        case "wasm": "application/wasm"
        case "mp3": "audio/mpeg"
        case "ogg": "audio/ogg"
        case "wav": "audio/wav"
        case "txt": "text/plain; charset=utf-8"
        default: "application/octet-stream"
        }
    }
}
