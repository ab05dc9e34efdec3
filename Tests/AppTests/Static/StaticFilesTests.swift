@testable import App
import ServerKit
import TestKit
import Testing

@Suite struct StaticFilesTests {
    private func boot(origins: [String] = []) async throws -> TestApp {
        let directory = try temporaryDirectory()
        defer { removeDirectory(directory) }
        try put(#"{"pages":{"/":"index.html","/app":"app.html","/desk":"desk.html","/widget":"widget.html","/widget/":"widget.html","/widget.js":"widget.js"},"assets":{}}"#, directory + "/manifest.json")
        for name in ["index", "app", "desk", "widget"] { try put("<!doctype html><title>\(name)</title>", directory + "/\(name).html") }
        try put("brotli", directory + "/index.html.br")
        try put("gzip", directory + "/index.html.gz")
        try put("loader", directory + "/widget.js")
        try put("secret", directory + "/secret.txt")
        try put("code", directory + "/assets/app-abc.js")
        try put("br code", directory + "/assets/app-abc.js.br")
        try put("font", directory + "/assets/fonts/inter.woff2")
        let files = try StaticFiles(directory: directory)
        return try await TestApp([Feature("pages", routes: files.routes(widgetOrigins: { _, key in key == "lumen" ? origins : [] }))])
    }

    @Test func servesPagesWithAStrictPolicy() async throws {
        let app = try await boot()
        for (path, title) in [("/", "index"), ("/app", "app"), ("/app/", "app"), ("/app/room/!a:b", "app"), ("/desk", "desk"), ("/desk/conversations/5?x=1", "desk")] {
            let page = await app.call(.get, path)
            try page.expect(200)
            #expect(String(decoding: page.bytes, as: UTF8.self).contains("<title>\(title)</title>"), "\(path)")
            #expect(page.headers["Cache-Control"] == "no-cache")
            #expect(page.headers["Content-Type"] == "text/html; charset=utf-8")
            let policy = page.headers["Content-Security-Policy"] ?? ""
            for part in ["default-src 'self'", "script-src 'self'", "require-trusted-types-for 'script'", "trusted-types comptoir", "object-src 'none'", "base-uri 'none'", "frame-ancestors 'none'"] {
                #expect(policy.contains(part), "\(path): \(part)")
            }
            #expect(page.headers["X-Frame-Options"] == "DENY")
        }
        try await app.call(.get, "/nothing").expect(404)
        try await app.call(.post, "/app").expect(405)
    }

    @Test func theWidgetMayBeFramedWhereItsInboxAllows() async throws {
        let app = try await boot(origins: ["https://shop.example", "https://*.shop.example", "https://evil.example; script-src *", "javascript:x"])
        func ancestors(_ path: String) async -> String {
            let policy = await app.call(.get, path).headers["Content-Security-Policy"] ?? ""
            return policy.split(separator: ";").last.map { String($0.drop { $0 == " " }) } ?? ""
        }
        #expect(await ancestors("/widget/?inbox=lumen&lang=fr") == "frame-ancestors 'self' https://shop.example https://*.shop.example")
        #expect(await ancestors("/widget/?inbox=other") == "frame-ancestors *")
        #expect(await ancestors("/widget/") == "frame-ancestors *")
        #expect(await app.call(.get, "/widget/").headers["X-Frame-Options"] == nil)
        let loader = await app.call(.get, "/widget.js")
        #expect(loader.headers["Cross-Origin-Resource-Policy"] == "cross-origin")
        #expect(loader.headers["Cache-Control"] == "no-cache")
    }

    @Test func assetsAreKeptForGoodAndCompressed() async throws {
        let app = try await boot()
        let plain = await app.call(.get, "/assets/app-abc.js")
        #expect(plain.bytes == Array("code".utf8))
        #expect(plain.headers["Cache-Control"] == "public, max-age=31536000, immutable")
        #expect(plain.headers["Content-Type"] == "text/javascript; charset=utf-8")
        #expect(plain.headers["Vary"] == "Accept-Encoding")
        let packed = await app.call(.get, "/assets/app-abc.js", headers: ["Accept-Encoding": "gzip, br"])
        #expect(packed.bytes == Array("br code".utf8))
        #expect(packed.headers["Content-Encoding"] == "br")
        #expect(packed.headers["ETag"] != plain.headers["ETag"])
        let same = await app.call(.get, "/assets/app-abc.js", headers: ["Accept-Encoding": "br", "If-None-Match": packed.headers["ETag"] ?? ""])
        try same.expect(304)
        try await app.call(.get, "/assets/app-abc.js", headers: ["If-None-Match": packed.headers["ETag"] ?? ""]).expect(200)
        #expect(await app.call(.get, "/assets/fonts/inter.woff2").headers["Content-Type"] == "font/woff2")
        #expect(await app.call(.get, "/", headers: ["Accept-Encoding": "gzip"]).bytes == Array("gzip".utf8))
    }

    @Test(arguments: [
        "/assets/../secret.txt", "/assets/..%2Fsecret.txt", "/assets/%2e%2e/secret.txt", "/assets//etc/passwd", "/assets/fonts/../../secret.txt",
        "/assets/app-abc.js%00", "/assets/", "/assets/app-abc.js.br", "/secret.txt", "/manifest.json", "/index.html",
    ])
    func nothingElseIsReached(path: String) async throws {
        try await boot().call(.get, path).expect(404)
    }

    @Test func aManifestThatLeavesItsDirectoryIsRefused() throws {
        for file in ["../x.html", "/etc/passwd", "a/../../b", ""] {
            let directory = try temporaryDirectory()
            defer { removeDirectory(directory) }
            try put("{\"pages\":{\"/\":\"\(file)\"}}", directory + "/manifest.json")
            #expect(throws: (any Error).self) { try StaticFiles(directory: directory) }
        }
    }
}
