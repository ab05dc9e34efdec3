import MatrixCore
@testable import Media
import ServerKit
import Store
import TestKit
import Testing

@Suite struct PreviewTests {
    private func properties(_ html: String, charset: String? = nil) -> [String: String] { PreviewRules.properties(Array(html.utf8), charset: charset) }

    @Test func aPageIsKnownByItsOpenGraph() {
        let found = properties("""
            <!DOCTYPE html><HTML><Head><!-- <meta property="og:title" content="hidden"> -->
            <meta property='og:title' content='The &quot;Rock&quot; &amp; more'><META content=video.movie property=og:type>
            <meta property="og:title" content="second"><title>Other</title><script>var x = "<meta property='og:url' content='no'>";</script>
            <meta property="og:image" content="/a b.png"/>
            """)
        #expect(found == ["og:title": "The \"Rock\" & more", "og:type": "video.movie", "og:image": "/a b.png"])
    }

    @Test func aPageWithoutItIsKnownByTitleAndText() {
        let found = properties("<title> A\n title &eacute;&#233;&#xe9; </title><h1>Head</h1><p>First <b>words</b>.</p><p>More.")
        #expect(found == ["og:title": "A title ééé", "og:description": "First words . More."])
        #expect(properties("<h1>Only <i>a</i> head</h1>")["og:title"] == "Only a head")
        #expect(properties("<meta name=description content=said><p>text")["og:description"] == "said")
        #expect(properties("<p>" + String(repeating: "word ", count: 400))["og:description"]?.count ?? 0 <= PreviewRules.maxDescription)
    }

    @Test func encodingsAreRead() {
        #expect(PreviewRules.properties(Array("<title>caf".utf8) + [0xE9, 0x80] + Array("</title>".utf8), charset: "iso-8859-1")["og:title"] == "café€")
        #expect(PreviewRules.properties(Array("<meta charset=windows-1252><title>".utf8) + [0xE9] + Array("</title>".utf8), charset: nil)["og:title"] == "é")
        let wide = Array("<title>é</title>".utf16).flatMap { [UInt8($0 & 255), UInt8($0 >> 8)] }
        #expect(PreviewRules.properties([0xFF, 0xFE] + wide, charset: nil)["og:title"] == "é")
        #expect(PreviewRules.charset("text/html; charset=\"ISO-8859-1\"") == "iso-8859-1")
    }

    @Test(arguments: [
        ("x.png", "https://a.example/b/x.png"), ("/x.png", "https://a.example/x.png"), ("../x.png", "https://a.example/x.png"), ("../../x.png", "https://a.example/x.png"), ("./x.png", "https://a.example/b/x.png"),
        ("//c.example/x", "https://c.example/x"), ("http://d.example/x#y", "http://d.example/x"), ("?q", "https://a.example/b/c?q"), ("data:image/png;base64,AA", nil), ("javascript:x", nil), ("", nil), ("a b.png", "https://a.example/b/a%20b.png"),
    ] as [(String, String?)]) func aPictureIsFoundFromItsPage(_ reference: String, _ expected: String?) {
        #expect(PreviewRules.resolve(reference, from: "https://a.example/b/c?d=/e/") == expected)
    }

    @Test(arguments: ["ftp://a", "https://", "https:///x", "https://u:p@a/", "javascript:x", "https://a b/", "x", "file:///etc/passwd", "https://a\\b/"])
    func onlyPagesAreFetched(_ url: String) { #expect(PreviewRules.pageURL(url) == nil) }

    /// Any bytes give an answer, and never more than the limits.
    @Test func rubbishNeverHarms() {
        let entropy = SeededEntropy(7), alphabet = Array("<>/=\"'! -&;#x\nmetapropertyog:titlecontentscript\u{E9}".utf8)
        for round in 0..<1500 {
            let bytes = entropy.bytes(round % 200 + 1).map { byte -> UInt8 in round % 3 == 0 ? byte : alphabet[Int(byte) % alphabet.count] }
            let found = PreviewRules.properties(bytes, charset: round % 5 == 0 ? "iso-8859-1" : nil)
            #expect(found.count <= PreviewRules.maxProperties + 3 && found.values.allSatisfy { $0.utf8.count <= PreviewRules.maxValueBytes })
        }
        for open in ["<", "<a ", "<!--", "<script>", "<a b='", "<a b=", "&", "<title>", "</"] {
            _ = properties(String(repeating: open, count: 20_000))
        }
    }

    /// What was written in quotes is read back.
    @Test func attributesSurvive() {
        let entropy = SeededEntropy(11)
        for _ in 0..<300 {
            let value = String(entropy.token(1) + String(decoding: entropy.bytes(12).map { 33 + $0 % 90 }, as: UTF8.self))
            let escaped = value.map { ["&": "&amp;", "<": "&lt;", "\"": "&quot;"][String($0)] ?? String($0) }.joined()
            var scanner = HTMLScanner(Array("<x y=\"\(escaped)\" z>".utf8))
            #expect(scanner.next() == .open(name: "x", attributes: ["y": value, "z": ""]))
        }
    }

    // MARK: over the wire

    private static let page = "<meta property='og:title' content='Shop'><meta property='og:image' content='pic.png'><title>x</title>"
    private func site(_ status: Int = 200, type: String = "text/html; charset=utf-8") throws -> LocalServer {
        try LocalServer { call in
            switch call.path {
            case "/a/page": .init(status, headers: [(name: "Content-Type", value: type)], body: Array(Self.page.utf8))
            case "/a/pic.png": .init(headers: [(name: "Content-Type", value: "image/png")], body: SamplePictures.png(40, 30))
            case "/moved": .init(302, headers: [(name: "Location", value: "/a/page")])
            case "/away": .init(302, headers: [(name: "Location", value: "http://10.0.0.1/")])
            default: .init(404)
            }
        }
    }

    @Test func aPreviewHasThePageAndItsPictureAndIsKept() async throws {
        let site = try site(), media = try await MediaApp()
        for path in ["/_matrix/client/v1/media/preview_url", "/_matrix/media/v3/preview_url"] {
            let answer = try await media.app.call(.get, path + "?url=" + Percent.encode(site.url + "/a/page#part"), as: media.alice).expect(200)
            #expect(answer["og:title"] == "Shop" && answer["og:image:width"] == 40 && answer["og:image:height"] == 30 && answer["og:image:type"] == "image/png")
            let mxc = try #require(MXC(answer["og:image"])), picture = await media.get(mxc)
            #expect(picture.status == 200 && picture.content == SamplePictures.png(40, 30) && answer["matrix:image:size"] == JSON(picture.content.count))
        }
        #expect(site.calls.count == 2)
        media.app.clock.advance(Media.PreviewLimits.kept + 1)
        try await media.app.run(job: "media.reservations")
        #expect(try await media.app.context.db.read { try $0.exists("SELECT 1 FROM url_preview") } == false)
        let moved = try await media.app.call(.get, "/_matrix/client/v1/media/preview_url?url=" + Percent.encode(site.url + "/moved"), as: media.alice).expect(200)
        #expect(moved["og:title"] == "Shop" && moved["og:image"] != nil)
    }

    @Test func whatCannotBeFetchedIsAnErrorAndInnerNetworksAreClosed() async throws {
        let site = try site(), media = try await MediaApp()
        func ask(_ url: String) async -> TestResponse { await media.app.call(.get, "/_matrix/client/v1/media/preview_url?url=" + Percent.encode(url), as: media.alice) }
        try await ask(site.url + "/none").expect(502)
        try await ask(site.url + "/away").expect(403, "M_FORBIDDEN")
        try await ask("http://10.0.0.1/").expect(403, "M_FORBIDDEN")
        try await ask("ftp://x/").expect(400, "M_INVALID_PARAM")
        try await media.app.call(.get, "/_matrix/client/v1/media/preview_url", as: media.alice).expect(400, "M_MISSING_PARAM")
        try await media.app.call(.get, "/_matrix/client/v1/media/preview_url?url=http%3A%2F%2Fa").expect(401)
        let binary = try self.site(type: "application/pdf")
        #expect(try await ask(binary.url + "/a/page").expect(200) == [:])
        let off = try await MediaApp { $0.urlPreviews = false }
        try await off.app.call(.get, "/_matrix/client/v1/media/preview_url?url=" + Percent.encode(site.url + "/a/page"), as: off.alice).expect(404)
        let closed = try await MediaApp { $0.allowLoopbackEgress = false }
        try await closed.app.call(.get, "/_matrix/client/v1/media/preview_url?url=" + Percent.encode(site.url + "/a/page"), as: closed.alice).expect(403, "M_FORBIDDEN")
    }

    @Test(arguments: TestBackend.available) func everyStatementIsValid(_ backend: TestBackend) async throws {
        let media = try await MediaApp(backend)
        try media.app.context.db.prepareAll(Media.PreviewSQL.all)
    }
}
